"""nbgrader and nbformat without a second of their start.

jsonschema, by which nbformat validates, compiles dozens of grammars of addresses (`iri` and its kind) where
rfc3987_syntax is installed, and Jupyter installs it. No notebook has such a field.

    python -m grader.course.quick_start generate_assignment ps1

is `python -m nbgrader generate_assignment ps1`.
"""

from __future__ import annotations

import sys


def leave_out_grammars() -> None:
    """For the rest of this process, and before it imports nbformat: as if rfc3987_syntax were not installed."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None is how Python is told so


if __name__ == "__main__":
    leave_out_grammars()
    from nbgrader.apps.nbgraderapp import main

    main()
