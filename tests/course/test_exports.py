"""Exports: the columns that other systems import, honest marks, penalties as nbgrader has them, no formulas."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from course_ground import DIVIDES, GOOD_ANSWER, RIGHT, Ground
from report_ground import EXERCISE, NAME, QUESTION, WHEN, Book, graded_book

from grader.course.exports import Booked, Entry, Format, Person, marks, write
from grader.course.exports_booked import booked
from grader.course.result import Result
from grader.errors import Text

PARTS = (EXERCISE, QUESTION)
WORTH = 9.0


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Book]:
    with graded_book(tmp_path_factory.mktemp("book"), runtime) as made:
        yield made


def two(book: Book, student: str, source: str | None = RIGHT) -> list[Result]:
    """Both parts of a student."""
    return [book.result(student, source), book.result(student, None if source is None else GOOD_ANSWER, QUESTION)]


def written(form: Format, results: list[Result], entries: Booked | None = None) -> str:
    out = io.StringIO()
    write(form, out, NAME, PARTS, marks(results, entries or Booked(), WORTH))
    return out.getvalue()


def lines(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def rows(text: str) -> dict[str, dict[str, str]]:
    """A table's rows by their student."""
    found = list(csv.DictReader(io.StringIO(text)))
    name = next(key for key in ("student", "SIS Login ID", "ID number") if key in found[0])
    return {row[name]: row for row in found}


ROSTER = Booked(
    people={
        "ada": Person("Ada", "O'Brien, PhD", "ada@example.org", "4711"),
        "ben": Person("Ben", "李", "", "S-12"),
        "zoe": Person("Zoe", "Zhang"),
    },
    entries={"ada": Entry(7.5, 2.0, WORTH, datetime(2026, 3, 1, 12), True)},
)


class TestMarks:
    def test_the_gradebook_counts_where_it_has_the_submission(self, book: Book) -> None:
        ada, ben, zoe = marks([*two(book, "ada"), *two(book, "ben")], ROSTER, WORTH)
        assert (ada.points, ada.penalty, ada.score, ada.needs_manual_grade) == (7.5, 2.0, 5.5, True)
        assert ben.points == ben.score == sum(result.points for result in ben.parts)
        assert (zoe.status, zoe.score, zoe.submitted) == ("missing", 0.0, None)
        assert [one.status for one in (ada, ben)] == ["graded", "graded"]

    def test_a_penalty_takes_no_more_than_there_is(self, book: Book) -> None:
        entries = Booked(entries={"ada": Entry(1.0, 5.0, WORTH, None, False)})
        (mark,) = marks(two(book, "ada"), entries, WORTH)
        assert mark.score == 0.0

    def test_what_waits_for_the_grader_has_no_mark_whatever_the_gradebook_says(self, book: Book) -> None:
        broken = replace(book.result("ada", RIGHT), outcome="broken", points=0.0, fault=Text("x", "x"))
        mark = next(marks([broken], ROSTER, WORTH))
        assert (mark.status, mark.points, mark.score) == ("broken", None, None)

    def test_times_are_in_utc(self, book: Book) -> None:
        entries = Booked(entries={"zoe": Entry(1.0, 0.0, WORTH, datetime(2026, 3, 1, 12), False)})
        ada, zoe = marks(two(book, "ada"), entries, WORTH)
        assert ada.submitted == WHEN
        assert zoe.submitted == datetime(2026, 3, 1, 12, tzinfo=UTC)

    def test_the_order_of_the_database_does_not_matter(self, book: Book) -> None:
        """A database may sort 'ben' before 'Zoe'; nobody comes twice."""
        results = [*two(book, "ben"), *two(book, "Zoe"), *two(book, "ada")]
        assert [mark.student for mark in marks(results, ROSTER, WORTH)] == ["ben", "Zoe", "ada", "zoe"]


class TestCanvas:
    def test_the_columns_that_it_imports(self, book: Book) -> None:
        found = lines(written("canvas", [*two(book, "ada"), *two(book, "ben")], ROSTER))
        assert found[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
        # as its importer looks for them: "Points Possible" within the first cell, no grade in that row
        assert "Points Possible" in found[1][0]
        assert found[1][1:] == ["", "", "", "", "9"]
        assert found[2] == ["O'Brien, PhD, Ada", "4711", "", "ada", "", "5.5"]
        assert found[3][:5] == ["李, Ben", "", "S-12", "ben", ""]
        assert {len(row) for row in found} == {6}

    def test_it_leaves_alone_who_has_no_mark(self, book: Book) -> None:
        broken = replace(book.result("ben", RIGHT), outcome="broken", points=0.0, fault=Text("x", "x"))
        found = rows(written("canvas", [broken, *two(book, "cleo", None)], ROSTER))
        assert [found[name][NAME] for name in ("ben", "cleo", "zoe")] == ["", "", ""]
        assert found["ada"][NAME] == "5.5"


class TestMoodle:
    def test_the_columns_of_its_own_export(self, book: Book) -> None:
        text = written("moodle", [*two(book, "ada"), *two(book, "cleo@example.org", DIVIDES)], ROSTER)
        assert lines(text)[0] == [
            "First name", "Last name", "ID number", "Email address",
            "Assignment: week 3 (Real)", "Assignment: week 3 (Feedback)",
        ]  # fmt: skip
        found = rows(text)
        assert found["ada"]["Assignment: week 3 (Real)"] == "5.5"
        assert found["ada"]["Assignment: week 3 (Feedback)"].endswith("late 迟交 -2")
        assert found["ada"]["Email address"] == "ada@example.org"
        assert found["cleo@example.org"]["Email address"] == "cleo@example.org"
        assert found["cleo@example.org"]["Assignment: week 3 (Feedback)"].startswith("scale 2/4; gan ")
        assert found["zoe"]["Assignment: week 3 (Real)"] == found["zoe"]["Assignment: week 3 (Feedback)"] == ""


class TestGeneric:
    def test_csv_has_the_points_of_each_part(self, book: Book) -> None:
        found = rows(written("csv", [*two(book, "ada", DIVIDES), *two(book, "cleo", None)], ROSTER))
        ada = found["ada"]
        assert (ada["points"], ada["late_penalty"], ada["score"], ada["max_score"]) == ("7.5", "2", "5.5", "9")
        assert (ada[EXERCISE], ada["status"], ada["submitted"]) == ("2", "graded", "2026-03-01T12:00:00+00:00")
        assert (found["cleo"]["status"], found["cleo"]["score"]) == ("missing", "0")

    def test_json_has_every_check(self, book: Book) -> None:
        whole = json.loads(written("json", two(book, "ada\n\u202e=1", DIVIDES), ROSTER))
        assert (whole["assignment"], whole["parts"]) == (NAME, list(PARTS))
        student = whole["students"][0]
        assert student["student"] == "ada\n\u202e=1", "JSON needs no guard"
        checks = {check["id"]: check for check in student["parts"][0]["checks"]}
        assert checks["test_values"] == {"id": "test_values", "outcome": "failed", "points": 0, "max_points": 2}
        assert [one["student"] for one in whole["students"][1:]] == ["ada", "ben", "zoe"]

    def test_nobody(self) -> None:
        assert json.loads(written("json", []))["students"] == []
        assert [len(lines(written(form, []))) for form in ("canvas", "moodle", "csv")] == [1, 1, 1]


@pytest.mark.parametrize("form", ["canvas", "moodle", "csv"])
@pytest.mark.parametrize(
    "words", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://x")', " =1", "a;=1", "\0\ud800=1\x1b"]
)
def test_no_cell_is_a_formula(book: Book, form: Format, words: str) -> None:
    people = Booked(people={words: Person(words, words, words, words)})
    for line in lines(written(form, two(book, words), people))[1:]:
        parts = [part.strip() for value in line for part in value.split(";")]
        assert not [part for part in parts if part[:1] in ("=", "+", "-", "@") and part != "+1"]
        assert not set("".join(line)) & {"\0", "\ud800", "\x1b"}


class TestWithNbgrader:
    """The real gradebook, with a plugin that takes a point off for each day."""

    @pytest.fixture(scope="class")
    @staticmethod
    def graded(tmp_path_factory: pytest.TempPathFactory, released: Path, runtime: Path) -> Ground:
        root = tmp_path_factory.mktemp("late") / "ground"
        shutil.copytree(released, root)
        ground = Ground(root, runtime)
        for file in (ground.folder / "course.yaml", ground.folder / "nbgrader_config.py"):
            file.write_text(file.read_text(encoding="utf-8").replace(str(released), str(root)), encoding="utf-8")
        with (ground.folder / "nbgrader_config.py").open("a", encoding="utf-8") as file:
            file.write('\nc.AssignLatePenalties.plugin_class = "late_days.OneEachDay"\n')
        (ground.folder / "late_days.py").write_text(
            "from nbgrader.plugins import BasePlugin\n\n\nclass OneEachDay(BasePlugin):\n"
            "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
            "        return total_seconds_late // 86400\n",
            encoding="utf-8",
        )
        ground.nbgrader("db", "assignment", "add", "ps1", "--duedate", "2026-03-01 12:00:00 UTC")
        ground.nbgrader(
            "db", "student", "add", "ada", "--first-name", "Ada", "--last-name", "Adler",
            "--email", "ada@example.org", "--lms-user-id", "4711",
        )  # fmt: skip
        ground.nbgrader("db", "student", "add", "zoe")
        for student, code, time in (("ada", RIGHT, "2026-03-03 13:00:00"), ("ben", DIVIDES, "2026-02-28 12:00:00")):
            ground.hand_in(student, code)
            ground.answer(student, {"gan": GOOD_ANSWER})
            (ground.submitted(student) / "timestamp.txt").write_text(f"{time} UTC")
        ground.practice("course", "grade", "ps1", "--workers", "1", cwd=ground.folder)
        return ground

    def test_scores_are_those_of_nbgraders_own_export(self, graded: Ground) -> None:
        graded.nbgrader("export", "--to", "theirs.csv")
        with (graded.folder / "theirs.csv").open(encoding="utf-8") as file:
            theirs = {row["student_id"]: row for row in csv.DictReader(file)}
        graded.practice("course", "export", "ps1", "--format", "csv", cwd=graded.folder)
        ours = rows((graded.folder / "exports" / "ps1-csv.csv").read_text(encoding="utf-8"))
        assert ours.keys() == theirs.keys() == {"ada", "ben", "zoe"}
        for student, row in theirs.items():
            assert float(ours[student]["score"]) == pytest.approx(float(row["score"]))
            assert float(ours[student]["late_penalty"]) == float(row["late_submission_penalty"])
            assert float(ours[student]["max_score"]) == float(row["max_score"])
        # two days for each notebook, and no more than it earned
        assert float(ours["ada"]["late_penalty"]) > 2
        assert ours["ben"]["late_penalty"] == "0"

    def test_every_format_through_the_command(self, graded: Ground) -> None:
        for form in ("canvas", "moodle", "json"):
            suffix = "json" if form == "json" else "csv"
            said = graded.practice("course", "export", "ps1", "--format", form, cwd=graded.folder)
            assert f"exports/ps1-{form}.{suffix}" in said
        canvas = rows((graded.folder / "exports" / "ps1-canvas.csv").read_text(encoding="utf-8"))
        assert canvas["ada"] | {"ps1": ""} == {
            "Student": "Adler, Ada", "ID": "4711", "SIS User ID": "", "SIS Login ID": "ada", "Section": "", "ps1": "",
        }  # fmt: skip
        assert canvas["zoe"]["ps1"] == ""
        streamed = graded.practice("course", "export", "ps1", "--format", "json", "--output", "-", cwd=graded.folder)
        assert {one["student"] for one in json.loads(streamed)["students"]} == {"ada", "ben", "zoe"}

    def test_the_gradebook_is_read_only_and_not_made(self, graded: Ground, book: Book) -> None:
        file = graded.folder / "gradebook.db"
        before = file.read_bytes()
        found = booked(graded.course, "ps1")
        assert found.people["ada"] == Person("Ada", "Adler", "ada@example.org", "4711")
        assert found.entries["ada"].penalty > 2.0
        assert file.read_bytes() == before
        assert booked(book.course, NAME) == Booked()
        assert not (book.course.folder / "gradebook.db").exists()

    def test_a_gradebook_that_is_none(self, graded: Ground) -> None:
        file = graded.folder / "gradebook.db"
        kept = file.read_bytes()
        file.write_bytes(b"no database" * 100)
        said = graded.practice("course", "export", "ps1", "--format", "csv", cwd=graded.folder, status=2)
        file.write_bytes(kept)
        assert "gradebook.db: file is not a database" in said
        assert "Traceback" not in said
