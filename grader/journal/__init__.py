"""What was tried and answered, what came of it, and when to come back to it: one journal for each user.

Light to import and to write to; what is asked of the database imports SQLAlchemy. See docs/architecture.md.
"""

from grader.journal.entries import Answer, Attempt, Dispute, Note, State
from grader.journal.home import Home, JournalError
from grader.journal.journal import Journal, digest
from grader.journal.snapshot import Standing

__all__ = [
    "Answer",
    "Attempt",
    "Dispute",
    "Home",
    "Journal",
    "JournalError",
    "Note",
    "Standing",
    "State",
    "digest",
]
