"""What made the tables what they are, one step a file in `versions`; what was released is never changed."""
