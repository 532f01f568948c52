"""What counts of a submission: cells, magics, trials, plain files, times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from course_ground import ASSIGNMENT, DIVIDES, GOOD_ANSWER, RIGHT, Ground
from nbformat import v4

from grader.course.extraction import counted, joined, without_magics
from grader.course.handed import Handed, handed_in


def parts(ground: Ground, student: str) -> dict[str, Handed]:
    course = ground.course
    return {
        each.part: each
        for each in handed_in(ground.folder / "submitted" / student / ASSIGNMENT, course, course.assignment(ASSIGNMENT))
    }


def kinds(handed: Handed) -> set[str]:
    return {note.kind for note in handed.notes}


class TestExtraction:
    @pytest.mark.parametrize(
        ("source", "wanted"),
        [
            ("%matplotlib inline\nx = 1", "pass\nx = 1"),
            ("for i in range(2):\n    !ls\n", "for i in range(2):\n    pass\n"),
            ("!pip install \\\ntorch\nx = 1", "pass\npass\nx = 1"),
            ("!pip install \\\n  torch\nx = 1", "pass\npass\nx = 1"),
            ("files = !ls\nx = 1", "pass\nx = 1"),
            ("scale?\nx = 1", "pass\nx = 1"),
            ("%%time\nx = 1", "\nx = 1"),
            ("%%writefile a.py\nx = 1", ""),
        ],
    )
    def test_lines_for_the_notebook_go(self, source: str, wanted: str) -> None:
        code = without_magics(source)
        assert code.source == wanted
        assert code.left_out

    @pytest.mark.parametrize(
        "source",
        ['x = ("%d"\n     % 3)\n', 'TEXT = """\n%matplotlib inline\n!ls\n"""\n', "x = (1\n", "x = 5 % 3"],
    )
    def test_python_stays_as_it_is(self, source: str) -> None:
        code = without_magics(source)
        assert code.source == source
        assert not code.left_out

    def test_future_imports_go_first(self) -> None:
        code = joined(["import math", "from __future__ import annotations\nx = 1"])
        compile(code, "joined", "exec")
        assert code.startswith("from __future__ import annotations\n")

    @pytest.mark.parametrize("source", ["(" * 100_000, "-" * 100_000 + "1", "a" + ".a" * 100_000, "x" + "+x" * 200_000])
    def test_what_no_parser_gets_through_does_no_harm(self, source: str) -> None:
        assert without_magics(source).source == source
        counted([(source, False), (source, True)], set())


class TestPlainFiles:
    def test_they_count_as_notebooks_do(self, course_ground: Ground) -> None:
        folder = course_ground.submitted("ann")
        (folder / "scale.py").write_text(RIGHT)
        handout = (course_ground.folder / "handout" / ASSIGNMENT / "gan.md").read_text()
        (folder / "gan.md").write_text(handout + GOOD_ANSWER)
        found = parts(course_ground, "ann")
        assert found["scale"].source == RIGHT
        assert found["gan"].source == GOOD_ANSWER
        assert not found["scale"].notes

    def test_an_answer_without_its_line_is_taken_whole(self, course_ground: Ground) -> None:
        (course_ground.submitted("ann") / "gan.md").write_text(f"\n{GOOD_ANSWER}\n")
        assert parts(course_ground, "ann")["gan"].source == GOOD_ANSWER

    def test_of_two_the_notebook_counts(self, course_ground: Ground) -> None:
        folder = course_ground.hand_in("ann", RIGHT).parent
        (folder / "scale.py").write_text(DIVIDES)
        found = parts(course_ground, "ann")["scale"]
        assert found.source == RIGHT
        assert "twice" in kinds(found)

    def test_unless_nothing_was_done_in_it(self, course_ground: Ground) -> None:
        folder = course_ground.hand_in("ann").parent
        (folder / "scale.py").write_text(DIVIDES)
        course_ground.answer("ann", {})
        (folder / "gan.md").write_text(GOOD_ANSWER)
        found = parts(course_ground, "ann")
        assert found["scale"].source == DIVIDES
        assert found["gan"].source == GOOD_ANSWER

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x = 1\0", b"#" * (1024 * 1024 + 1)])
    def test_what_is_no_text_is_unreadable(self, course_ground: Ground, data: bytes) -> None:
        (course_ground.submitted("ann") / "scale.py").write_bytes(data)
        found = parts(course_ground, "ann")["scale"]
        assert found.source is None
        assert found.path is not None
        assert kinds(found) == {"unreadable"}


class TestParts:
    def test_every_part_is_there_where_nothing_was_handed_in(self, course_ground: Ground) -> None:
        found = parts(course_ground, "nobody")
        assert set(found) == {"scale", "gan"}
        assert all(each.source is None and each.path is None for each in found.values())

    def test_an_unanswered_question_is_an_empty_answer(self, course_ground: Ground) -> None:
        course_ground.answer("ann", {})
        assert parts(course_ground, "ann")["gan"].source == ""

    def test_the_digest_changes_with_the_code_and_with_what_was_forged(self, course_ground: Ground) -> None:
        digests = []
        for change in (None, lambda nb: nb.cells.pop(), lambda nb: nb.cells.append(v4.new_markdown_cell("thanks"))):
            course_ground.hand_in("ann", RIGHT, **({"change": change} if change else {}))
            digests.append(parts(course_ground, "ann")["scale"].sha256)
        plain, forged, thanks = digests
        assert plain == thanks != forged
        course_ground.hand_in("ann", DIVIDES)
        assert parts(course_ground, "ann")["scale"].sha256 not in digests

    @pytest.mark.parametrize(
        ("stamp", "wanted"),
        [
            ("2026-03-01 12:00:00.000000 UTC", datetime(2026, 3, 1, 12, tzinfo=UTC)),
            ("2026-03-01 12:00:00.000000 Asia/Shanghai", datetime(2026, 3, 1, 4, tzinfo=UTC)),
            ("yesterday", None),
            ("2026-03-01 12:00:00 ../../etc/passwd", None),
        ],
    )
    def test_when_it_was_handed_in(self, course_ground: Ground, stamp: str, wanted: datetime | None) -> None:
        folder = course_ground.hand_in("ann", RIGHT).parent
        (folder / "timestamp.txt").write_text(stamp)
        found = parts(course_ground, "ann")["scale"]
        assert found.submitted == wanted
        assert ("timestamp" in kinds(found)) == (wanted is None)

    def test_strays_are_named_where_a_part_is_missing(self, course_ground: Ground) -> None:
        (course_ground.submitted("ann") / "Scale (1).ipynb").write_text("{}")
        found = parts(course_ground, "ann")["scale"]
        assert found.source is None
        assert "Scale (1).ipynb" in "".join(note.text.en for note in found.notes if note.kind == "stray")
