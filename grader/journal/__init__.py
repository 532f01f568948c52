"""What was tried, and what came of it: the attempts of one workspace."""

from grader.journal.journal import Attempt, Journal, State

__all__ = ["Attempt", "Journal", "State"]
