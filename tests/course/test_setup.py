"""`practice course init` and `release`: what is written, what is kept, and that nothing of solutions/ gets out."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import pytest
from course_ground import ASSIGNMENT, RIGHT, Ground
from nbgrader.nbgraderformat import MetadataValidator

from grader.content import Catalogue, builtin_root
from grader.content.bank import Bank
from grader.course.config import has_exchange
from grader.course.course import QUESTION_POINTS, Course
from grader.course.points import check_points
from grader.errors import LANGUAGES, ContentError, UsageError


class TestInit:
    def test_a_course_can_be_opened_with_the_content_it_was_made_for(self, ground: Ground) -> None:
        course = ground.course
        assert course.assignments == {}
        assert {"scale", "self_attention"} <= set(course.catalogue.ids())

    def test_a_course_that_is_there_stays_as_it_is(self, ground: Ground) -> None:
        before = (ground.folder / "course.yaml").read_bytes()
        said = ground.practice("course", "init", ground.folder, status=2)
        assert "course.yaml is there already" in said
        assert (ground.folder / "course.yaml").read_bytes() == before

    def test_nothing_of_execute_is_left_in_nbgraders_configuration(self, ground: Ground) -> None:
        from nbgrader.preprocessors import Execute
        from traitlets.config import Config

        from grader.course.config import configure

        config = Config()
        configure(config, ground.folder / "nbgrader_config.py")
        used = [*config.Autograde.sanitize_preprocessors, *config.Autograde.autograde_preprocessors]
        assert used
        assert not any(issubclass(each, Execute) for each in used)


class TestRelease:
    def test_notebooks_are_nbgraders_with_the_points_of_each_check(self, course_ground: Ground) -> None:
        course = course_ground.course
        notebook = course_ground.notebook("scale")
        MetadataValidator().validate_nb(notebook)
        nbformat.validate(notebook)
        graded = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in notebook.cells}
        points = course.points("scale")
        assert {id: graded[id].points for id in points} == points
        assert all(graded[id].locked and graded[id].grade and not graded[id].solution for id in points)
        answer = graded["scale"]
        assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
        question = {cell.metadata.nbgrader.grade_id: cell for cell in course_ground.notebook("questions").cells}["gan"]
        assert question.cell_type == "markdown"
        assert (question.metadata.nbgrader.solution, question.metadata.nbgrader.grade) == (True, True)
        assert question.metadata.nbgrader.points == QUESTION_POINTS

    def test_the_stub_and_both_statements_are_in_it(self, course_ground: Ground) -> None:
        exercise = course_ground.course.catalogue.get("scale")
        sources = [cell.source for cell in course_ground.notebook("scale").cells]
        assert exercise.stub_file.read_text().strip() in sources
        for language in LANGUAGES:
            heading = re.search(r"^## .+$", exercise.statement_file(language).read_text(), re.MULTILINE)
            assert heading
            assert any(heading[0] in source for source in sources)

    def test_plain_files_have_the_same_points(self, course_ground: Ground) -> None:
        handout = course_ground.folder / "handout" / ASSIGNMENT
        exercise = course_ground.course.catalogue.get("scale")
        assert (handout / "scale.py").read_bytes() == exercise.stub_file.read_bytes()
        told = (handout / "scale.en.md").read_text()
        for name, points in course_ground.course.points("scale").items():
            assert f"- `{name}`: {points:g}" in told
        assert "GAN" in (handout / "gan.md").read_text()

    def test_a_notebook_that_an_instructor_changed_stays_unless_forced(self, course_ground: Ground) -> None:
        source = course_ground.folder / "source" / ASSIGNMENT / "scale.ipynb"
        own = source.read_text().replace("How it counts", "How it counts here")
        source.write_text(own)
        again = ("course", "release", ASSIGNMENT, "--no-exchange")
        said = course_ground.practice(*again, cwd=course_ground.folder)
        assert "scale.ipynb was changed and stays as it is" in said
        assert source.read_text() == own
        assert "How it counts here" in (course_ground.folder / "release" / ASSIGNMENT / "scale.ipynb").read_text()
        course_ground.practice(*again, "--force", cwd=course_ground.folder)
        assert source.read_text() != own

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["ps1", "--exercises", "sampling"], "'ps1' has other exercises or questions"),
            (["ps2", "--exercises", "scal3"], "there is no exercise 'scal3'"),
            (["ps2", "--questions", "gam"], "there is no question 'gam'"),
            (["a/b", "--exercises", "scale"], "'a/b' cannot name an assignment"),
            (["a+b", "--exercises", "scale"], "'a+b' cannot name an assignment"),
            (["ps2"], "there is no assignment 'ps2'"),
        ],
    )
    def test_what_cannot_be_handed_out_is_said(self, course_ground: Ground, words: list[str], said: str) -> None:
        before = (course_ground.folder / "course.yaml").read_bytes()
        printed = course_ground.practice("course", "release", *words, cwd=course_ground.folder, status=2)
        assert said in printed
        assert "Traceback" not in printed
        assert len(printed.strip().splitlines()) <= 2
        assert (course_ground.folder / "course.yaml").read_bytes() == before

    def test_outside_a_course_the_remedy_is_named(self, ground: Ground) -> None:
        printed = ground.practice("course", "release", "ps1", "--exercises", "scale", status=2)
        assert "holds no course.yaml" in printed
        assert "practice course init" in printed

    def test_an_exchange_that_is_not_there_is_said_and_the_files_are_made(self, course_ground: Ground) -> None:
        course_ground.exchange.rmdir()
        course_ground.exchange.write_text("no folder")
        printed = course_ground.practice("course", "release", ASSIGNMENT, cwd=course_ground.folder, status=2)
        assert "Not released through the exchange" in printed
        assert "c.Exchange.root" in printed

    def test_an_exchange_is_one_that_is_configured_or_there(
        self, course_ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nbgrader.exchange.default import Exchange

        assert has_exchange(course_ground.course)
        config = course_ground.folder / "nbgrader_config.py"
        config.write_text(re.sub(r"^c\.Exchange\.root.*$", "", config.read_text(), flags=re.MULTILINE))
        for usual, wanted in ((course_ground.root / "none", False), (course_ground.exchange, True)):
            monkeypatch.setattr(Exchange.root, "default_value", str(usual))
            assert has_exchange(course_ground.course) is wanted


def words_of(source: str) -> set[str]:
    """The names, the texts and the comments of Python source."""
    found: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            found.add(token.string)
        elif token.type in (tokenize.STRING, tokenize.COMMENT):
            found.add(token.string.strip("#'\" rbf\n"))
    return {word for word in found if len(word) > 3}


@pytest.mark.parametrize("id", ["self_attention", "kv_cache", "scale"])
def test_what_is_handed_out_holds_nothing_of_the_solutions(id: str, course_ground: Ground) -> None:
    """No name, text or comment of hidden files that is not public anyway; no line of code of the reference."""
    course_ground.practice("course", "release", "ps2", "--exercises", id, "--no-exchange", cwd=course_ground.folder)
    exercise = course_ground.course.catalogue.get(id)
    folders = [course_ground.folder / half / "ps2" for half in ("source", "release", "handout")]
    out = "\n".join(path.read_text() for folder in folders for path in folder.rglob("*") if path.is_file())
    public = "\n".join(path.read_text() for path in exercise.public.iterdir() if path.is_file())
    framework = (builtin_root() / "grader/course/notebooks.py").read_text()  # what every notebook says
    hidden = "\n".join(
        path.read_text() for path in (exercise.checks_file, exercise.reference_file, exercise.mistakes_file)
    )
    secret = {word for word in words_of(hidden) if word not in public and word not in framework}
    assert len(secret) > 20
    assert {word for word in secret if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", out)} <= _NBGRADERS
    for line in exercise.reference_file.read_text().splitlines():
        if len(line.strip()) > 20 and line.strip() not in public:
            assert line.strip() not in out


# Words of notebooks and nbgrader's metadata that hidden files use as well.
_NBGRADERS = {"cells", "points", "metadata", "checksum", "language", "deletable", "editable", "null", "title"}


def test_no_hint_or_title_of_a_check_is_handed_out(course_ground: Ground) -> None:
    course_ground.practice(
        "course", "release", "ps2", "--exercises", "self_attention", "--no-exchange", cwd=course_ground.folder
    )
    out = (course_ground.folder / "release" / "ps2" / "self_attention.ipynb").read_text()
    checks = (builtin_root() / "solutions/self_attention/checks.py").read_text()
    public = "".join(path.read_text() for path in (builtin_root() / "exercises/self_attention").iterdir())
    texts = [text for text in re.findall(r'"([^"\n]{15,})"', checks) if text not in public]
    assert len(texts) > 20
    assert not [text for text in texts if text in out]


class TestCourseFile:
    def write(self, ground: Ground, text: str) -> Path:
        file = ground.folder / "course.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("assignments: [a]\n", "course.yaml:1: assignments"),
            ("assignments:\n  ps1: {}\n", "has neither exercises nor questions"),
            ("assignments:\n  ps1: {exercises: [scale, scale]}\n", "names 'scale' twice"),
            ("assignments:\n  ps1: {exercises: [gan], questions: [gan]}\n", "'gan' would name two parts"),
            ("assignments:\n  ../x: {exercises: [scale]}\n", "cannot name an assignment"),
            ("asignments:\n", "unknown key 'asignments'"),
            ("{", "is not YAML"),
        ],
    )
    def test_what_is_wrong_is_said_with_file_and_line(self, ground: Ground, text: str, said: str) -> None:
        self.write(ground, text)
        with pytest.raises(UsageError) as caught:
            Course.open(ground.folder)
        assert said in caught.value.say("en")
        assert "course.yaml" in caught.value.say("en")

    def test_comments_and_further_keys_survive_a_release(self, ground: Ground) -> None:
        file = self.write(ground, f"# mine\ncontent: [{ground.content}]\nresults: 'sqlite:///x.db'\nassignments:\n")
        ground.release(questions="")
        text = file.read_text()
        assert text.startswith("# mine\n")
        course = ground.course
        assert course.results == "sqlite:///x.db"
        assert course.assignment(ASSIGNMENT).exercises == ("scale",)

    def test_submissions_are_those_of_the_assignment_in_order(self, course_ground: Ground) -> None:
        for student in ("zoe", "ann", "line\nbreak", "o'neil"):
            course_ground.hand_in(student, RIGHT)
        course_ground.submitted("bob", "other")
        (course_ground.folder / "submitted" / "a file").write_text("x")
        names = [student for student, _ in course_ground.course.submissions(ASSIGNMENT)]
        assert names == sorted(["zoe", "ann", "line\nbreak", "o'neil"])


class TestPoints:
    def test_they_are_those_that_the_checks_say_for_every_exercise(self) -> None:
        for exercise in Catalogue([builtin_root()]).all()[0]:
            points = check_points(exercise)
            assert tuple(points) == exercise.checks
            written = re.findall(r"^    points=([0-9.]+)", exercise.checks_file.read_text(), re.MULTILINE)
            assert sum(points.values()) == sum(map(float, written)) + len(points) - len(written)

    def test_points_that_are_no_number_are_said_with_the_line(self, ground: Ground) -> None:
        file = ground.content / "solutions/scale/checks.py"
        file.write_text(file.read_text().replace("points=2", "points=1 + 1"))
        with pytest.raises(ContentError, match=r"checks\.py:\d+: points"):
            ground.course.points("scale")


def test_every_question_with_a_rubric_can_be_handed_out(course_ground: Ground) -> None:
    bank = Bank([builtin_root()])
    ids = [id for id in bank.questions if bank.rubric(id)]
    course_ground.practice(
        "course", "release", "all", "--questions", ",".join(ids), "--no-exchange", cwd=course_ground.folder
    )
    known = {cell.metadata.nbgrader.grade_id for cell in course_ground.notebook("questions", "all").cells}
    assert set(ids) <= known


def test_a_command_of_a_course_compiles_no_grammars() -> None:
    """jsonschema would, for formats that no notebook has: a second of each command."""
    pytest.importorskip("rfc3987_syntax", reason="Jupyter has not brought it")
    code = (
        "import contextlib, sys\n"
        "from grader.cli import main\n"
        "sys.argv = ['practice', 'course', 'grade', 'ps1']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "import grader.course.gradebook\n"
        "print(sorted({'jsonschema', 'nbformat', 'nbgrader', 'lark'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['jsonschema', 'nbformat', 'nbgrader']"
