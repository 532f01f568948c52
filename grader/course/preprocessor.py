"""What stands in nbgrader's pipeline in place of its own: see `config.configure`."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor
from traitlets import Bool

from grader.course.autograded import fill_in
from grader.course.course import QUESTIONS, Assignment, Course
from grader.course.folders import unreadable_folder
from grader.course.grading import grade_part
from grader.course.handed import SET_ASIDE, Handed, handed_in, read_notebook_file, released_notebook
from grader.course.integrity import Notebook, restored
from grader.course.notebooks import marked
from grader.course.outputs import annotate, proposal
from grader.course.result import Result
from grader.course.results import Results
from grader.errors import GraderFault, Text

Resources = dict[str, Any]


class KeepStubs(ClearSolutions):  # type: ignore[misc]  # nbgrader ships no types
    """ClearSolutions for what instructors write; our notebooks hold stubs, which it would take for solutions."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        if marked(nb):
            return nb, resources
        done: tuple[NotebookNode, Resources] = super().preprocess(nb, resources)
        return done


def set_links_aside(assignment: str, student: str, notebooks: list[str]) -> None:  # noqa: ARG001 - nbgrader's signature
    """Rename links and special files in what a student handed in, so that nbgrader does not follow them: it would copy
    another student's file, or never come to an end of /dev/zero. Nothing is lost, and a note names them.
    """
    # nbgrader's other arguments are what it was asked for: '*' for everybody
    for folder in {Path(notebook).parent for notebook in notebooks}:
        if unreadable_folder(folder) is not None:
            continue  # never what a link leads to
        # by descriptors: a path may be longer than any that the system takes
        for _, folders, files, here in os.fwalk(folder):
            for name in (*folders, *files):
                mode = os.lstat(name, dir_fd=here).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not name.endswith(SET_ASIDE):
                    with contextlib.suppress(OSError):  # a name of full length: nothing of it is copied all the same
                        os.rename(name, name + SET_ASIDE, src_dir_fd=here, dst_dir_fd=here)


class SubmissionExporter(NotebookExporter):
    """Reads a student's notebook as `handed_in` does: whatever it holds, the released notebook comes out, with the
    student's answers in it.
    """

    def from_filename(
        self, filename: str, resources: Resources | None = None, **kw: Any
    ) -> tuple[NotebookNode, Resources]:
        known = (resources or {}).get("nbgrader")
        converter = self.parent
        if known is None or converter is None or converter._input_directory != converter.coursedir.submitted_directory:
            read: tuple[NotebookNode, Resources] = super().from_filename(filename, resources=resources, **kw)
            return read
        course = course_of(self)
        released = released_notebook(course, course.assignment(known["assignment"]), known["notebook"])
        path = Path(filename)
        found = read_notebook_file(path) if unreadable_folder(path.parent) is None else None
        notebook = restored(found if isinstance(found, Notebook) else None, released)
        assert resources is not None
        resources.setdefault("metadata", {}).update(name=known["notebook"], path=str(Path(filename).parent))
        convert: Callable[..., tuple[NotebookNode, Resources]] = self.from_notebook_node
        return convert(notebook, resources=resources)


class GradeConfined(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Stands where Execute would. The notebook is not run: the student's code goes to the confined examiner, and what
    comes of it into the outputs of the cells, where nbgrader reads marks.
    """

    require_strict = Bool(
        True, help="Grade only where confinement is strict: other people's code runs on this machine."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        known = resources["nbgrader"]
        course = course_of(self)
        # UsageError for an assignment that `release` has not made: it is not graded, and above all not run
        assignment = course.assignment(known["assignment"])
        folder = course.folder / "submitted" / known["student"] / assignment.name
        parts = [
            handed
            for handed in handed_in(folder, course, assignment)
            if (QUESTIONS if handed.kind == "question" else handed.part) == known["notebook"]
        ]
        results = self._graded(parts, known["student"], assignment, course)
        if fault := next((result for result in results.values() if result.outcome == "broken"), None):
            _take_back(known)
            why = fault.fault or Text("the grader is at fault", "评分程序出错")
            # nbgrader names the student and goes on
            raise GraderFault(Text(f"{fault.part}: {why.en}", f"{fault.part}：{why.zh}"))
        # nbgrader has read the notebooks; what came as a plain file is not in them yet
        fill_in(nb, [results[part.part] for part in parts if part.path and part.path.suffix != ".ipynb"])
        annotate(nb, results)
        resources["practice"] = results
        return nb, resources

    def _graded(
        self, parts: Sequence[Handed], student: str, assignment: Assignment, course: Course
    ) -> dict[str, Result]:
        """Each part's result, kept in the course's journal."""
        graded = {}
        with Results.of(course) as journal:
            for part in parts:
                result = grade_part(part, student, assignment, course, require_strict=self.require_strict)
                journal.put(result)
                graded[part.part] = result
        return graded


def _take_back(known: Mapping[str, str]) -> None:
    """No mark is better than a wrong one: nbgrader has entered zero where there is no notebook, and where there was one
    before, its marks are those of another day.
    """
    with Gradebook(known["db_url"]) as gradebook:
        where = (known["notebook"], known["assignment"], known["student"])
        for grade in gradebook.find_submission_notebook(*where).grades:
            grade.auto_score, grade.needs_manual_grade = None, True
        gradebook.db.commit()


class ProposeScores(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Enters the score of an answer, with its reasons as a comment, and leaves it to be confirmed in formgrader."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        known = resources["nbgrader"]
        results: dict[str, Result] = resources.get("practice", {})
        answers = {part: result for part, result in results.items() if result.kind == "question"}
        if not answers:
            return nb, resources
        with Gradebook(known["db_url"]) as gradebook:
            where = (known["notebook"], known["assignment"], known["student"])
            for part, result in answers.items():
                grade = gradebook.find_grade(part, *where)
                grade.auto_score = min(grade.max_score_gradecell, result.points)
                grade.needs_manual_grade = bool(result.source.strip()) or grade.manual_score is not None
                gradebook.find_comment(part, *where).auto_comment = proposal(result)
            gradebook.db.commit()
        return nb, resources


def course_of(part: Any) -> Course:
    """The course that a part of nbgrader works in."""
    owner = part
    while getattr(owner, "coursedir", None) is None:
        owner = owner.parent
    return Course.open(Path(owner.coursedir.root))
