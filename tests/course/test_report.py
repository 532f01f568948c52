"""The report: its figures, that what students wrote stays words, and how it looks in a real browser."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from course_ground import DIVIDES, GOOD_ANSWER, IN_PLACE, RIGHT, Ground
from report_ground import EXERCISE, LONG, NAME, QUESTION, RENAMED, Book, Page, chromium, graded_book

from grader.cli.course_output import export
from grader.cli.course_output import report as report_command
from grader.course.plain import cell, one_line, plain
from grader.course.report import Report, summarise
from grader.course.report_pages import html, tables, to_teach
from grader.course.report_sides import rows
from grader.course.result import Note, Result
from grader.course.similarity import Alike, Submitted
from grader.errors import Language, Text

DAY = date(2026, 3, 2)
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "</td></table></body>{{ 7 * 7 }}{% raw %}",
    "'\"><svg/onload=document.title='owned'>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u202c\nsecond line\x1b[31m",
    "nul\0 lone \ud800 wide \u2066x\u2069 link \x1b]8;;http://x\x07",
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Book]:
    with graded_book(tmp_path_factory.mktemp("book"), runtime) as made:
        yield made


@pytest.fixture(scope="module")
def cohort(book: Book) -> list[Result]:
    return list(book.cohort())


def reported(book: Book, results: list[Result], *, anonymous: bool = False) -> Report:
    return summarise(NAME, book.parts(), results, anonymous=anonymous)


def page(report: Report, language: Language = "en") -> str:
    return html(report, language, DAY)


def table(report: Report, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tables(report)[name])))


class TestFigures:
    def test_students_come_with_the_least_progress_first(self, book: Book, cohort: list[Result]) -> None:
        students = reported(book, cohort).students
        assert [one.name for one in students[:2]] == ["jun", "ines"]
        assert {one.name for one in students[-4:]} == {"ada", "ben", "chen", "hana"}
        jun, ada = students[0], next(one for one in students if one.name == "ada")
        assert (jun.handed_in, jun.passed, jun.points, jun.max_points) == (False, 0, 0.0, 9.0)
        assert (ada.handed_in, ada.passed, ada.parts[0].outcome if ada.parts[0] else "") == (True, 1, "passed")
        assert [one.share for one in students] == sorted(one.share for one in students)

    def test_marks_are_of_those_who_handed_in(self, book: Book, cohort: list[Result]) -> None:
        report = reported(book, cohort)
        marks = report.marks
        assert marks is not None
        assert marks.count == sum(marks.bins) == 9
        shares = sorted(one.share for one in report.students if one.handed_in)
        assert marks.median == pytest.approx(shares[4])
        assert marks.mean == pytest.approx(sum(shares) / 9)
        assert marks.bins[9] == sum(share >= 0.9 for share in shares)

    def test_a_full_mark_is_in_the_last_tenth_and_an_exact_tenth_in_the_upper_one(self, book: Book) -> None:
        known = book.result("a", RIGHT)
        results = [replace(known, student=str(points), points=points, max_points=10.0) for points in (0, 1, 3, 7, 10)]
        marks = summarise(NAME, book.parts()[:1], results).marks
        assert marks is not None
        assert marks.bins == (1, 1, 0, 1, 0, 0, 0, 1, 0, 1)

    def test_checks_by_pass_rate(self, book: Book, cohort: list[Result]) -> None:
        checks = reported(book, cohort).checks
        assert [(one.id, one.passed, one.graded) for one in checks] == [
            ("test_values", 5, 9),
            ("test_keeps_its_input", 7, 9),
            ("test_runs", 8, 9),
        ]
        assert checks[0].hint.en.startswith("Try a single entry by hand")

    def test_mistakes_by_frequency_with_diagnosis(self, book: Book, cohort: list[Result]) -> None:
        report = reported(book, cohort)
        divided = next(one for one in report.findings if one.names == ("divided",))
        assert divided.students == ("dana", "emil", "fatima")
        assert (divided.what, divided.graded, divided.rate) == (
            Text("x is divided by the factor", "x 除以了 factor"),
            9,
            pytest.approx(1 / 3),
        )
        assert divided.hint.en == "A factor above one must make large entries larger."
        assert [one.students for one in report.findings if one.names == ("in_place",)] == [("goran",)]
        assert report.undiagnosed == {EXERCISE: 1}, "what is no Python"
        frequencies = [len(one.students) for one in report.findings]
        assert frequencies == sorted(frequencies, reverse=True)

    def test_points_left_out_of_answers_count(self, book: Book, cohort: list[Result]) -> None:
        left_out = [one for one in reported(book, cohort).findings if one.part == QUESTION]
        assert left_out
        assert all({"dana", "ines"} <= set(one.students) for one in left_out if one.kind == "left_out")

    def test_a_pair_counts_for_each_of_the_two(self, book: Book) -> None:
        alone, other = book.result("ada", DIVIDES), book.result("ben", IN_PLACE)
        assert alone.verdict is not None
        pair = {**alone.verdict["diagnosis"][0], "mistakes": ["divided", "in_place"]}
        both = replace(alone, student="chen", verdict={**alone.verdict, "diagnosis": [pair]})
        found = {one.names: one for one in reported(book, [alone, other, both]).findings}
        assert found.keys() == {("divided",), ("in_place",)}
        assert (found["divided",].students, found["divided",].with_others) == (("ada", "chen"), 1)
        assert reported(book, [alone, both]).findings[0].names == ("divided",)
        assert ("divided", "in_place") in [one.names for one in reported(book, [alone, both]).findings]

    def test_what_waits_for_the_grader_is_no_mark(self, book: Book, cohort: list[Result]) -> None:
        fault = Text("no memory", "内存不足")
        broken = [replace(cohort[0], outcome="broken", verdict=None, points=0.0, fault=fault), *cohort[1:]]
        report = reported(book, broken)
        assert report.marks is not None
        assert report.marks.count == 8
        assert (report.incidents[0].kind, report.incidents[0].student, report.incidents[0].text) == (
            "broken",
            "ada",
            fault,
        )
        assert next(row for row in table(report, "students") if row["student"] == "ada")["points"] == ""
        assert "1 whose mark waits for the grader" in Page(page(report)).text

    def test_worth_teaching_is_what_more_than_a_few_got_wrong(self, book: Book, cohort: list[Result]) -> None:
        report = reported(book, cohort)
        assert ("divided",) in [one.names for one in to_teach(report)]
        assert ("in_place",) not in [one.names for one in to_teach(report)], "one student is no reason"
        assert len(to_teach(report)) <= 5

    def test_of_nothing(self, book: Book) -> None:
        report = reported(book, [])
        assert report.students == ()
        assert "no results yet" in Page(page(report)).text
        assert [len(text.splitlines()) for text in tables(report).values()] == [1] * 5

    def test_of_a_cohort_that_handed_nothing_in(self, book: Book) -> None:
        report = reported(book, [book.result(name, None) for name in ("ada", "ben")])
        assert report.marks is None
        assert "0 / 2" in Page(page(report)).text


class TestPage:
    def test_teaches_in_both_languages(self, book: Book, cohort: list[Result]) -> None:
        report = reported(book, cohort)
        for language in ("en", "zh"):
            text = Page(page(report, language)).text
            assert "A factor above one must make large entries larger." in text
            assert "factor 大于一时，绝对值应当变大。" in text

    def test_speaks_chinese(self, book: Book, cohort: list[Result]) -> None:
        chinese = Page(page(reported(book, cohort), "zh"))
        assert ("html", {"lang": "zh-CN"}) in chinese.elements
        assert {"下次课值得再讲", "成绩分布", "错误的频次", "需要处理"} <= set(chinese.words)
        assert "Marks" not in chinese.words

    def test_needs_nothing_else(self, book: Book, cohort: list[Result]) -> None:
        text = page(reported(book, cohort))
        found = Page(text)
        assert {tag for tag, _ in found.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "a", "form"})
        assert not {name for _, attributes in found.elements for name in attributes} & {"src", "href", "action"}
        assert not re.search(r"url\(|@import|https?:", text)
        policy = next(a["content"] for tag, a in found.elements if tag == "meta" and "http-equiv" in a)
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"

    @pytest.mark.parametrize("words", HOSTILE)
    def test_what_students_wrote_stays_words(self, book: Book, words: str) -> None:
        source = f"{LONG}# {words}\n"
        hostile = [
            replace(book.result(words, LONG), source=source, notes=(Note("forged", Text(words, words)),)),
            replace(book.result(f"{words}2", LONG), source=source),
            replace(book.result("ada", DIVIDES), outcome="broken", verdict=None, fault=Text(words, words)),
        ]
        text = page(reported(book, hostile))
        found = Page(text)
        tags = {tag for tag, _ in found.elements}
        assert tags <= {
            "html", "head", "meta", "title", "style", "body", "header", "section", "article", "footer", "h1", "h2",
            "h3", "p", "div", "b", "span", "bdi", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "details",
            "summary", "svg", "line", "rect", "text",
        }  # fmt: skip
        assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
        assert one_line(words) in found.text
        assert not set(text) & {"\u202e", "\u2066", "\x1b", "\x07", "\0", "\ud800"}

    def test_a_megabyte_of_words_takes_a_line(self, book: Book) -> None:
        words = "<b>&" * (1 << 18)
        known = replace(book.result("ada", DIVIDES), notes=(Note("forged", Text(words, words)),))
        report = reported(book, [known, replace(known, student="ben", outcome="broken", fault=Text(words, words))])
        assert "&lt;b&gt;&amp;" in page(report)
        assert len(page(report)) < 100_000
        for text in tables(report).values():
            # a spreadsheet takes 32,767 characters, and spills the rest over other cells
            assert all(len(value) < 1 << 15 for row in csv.reader(io.StringIO(text)) for value in row)

    def test_leaves_names_out(self, book: Book) -> None:
        names = ["adelheid", "benjamin", "=clara"]
        note = Note("forged", Text("adelheid wrote so in submitted/adelheid", "adelheid 写的"))
        results = [
            replace(book.result(names[0], LONG), notes=(note,), source=f"# by adelheid\n{LONG}"),
            book.result(names[1], LONG),
            book.result(names[2], DIVIDES),
        ]
        report = reported(book, results, anonymous=True)
        everything = "".join([page(report), page(report, "zh"), *tables(report).values()])
        assert not [name for name in ("adelheid", "benjamin", "clara", "rows.append") if name in everything]
        assert {one.name for one in report.students} == {"#1", "#2", "#3"}
        assert report.alike, "who is alike still shows"
        again = reported(book, results[::-1], anonymous=True)
        assert {(one.name, one.points) for one in again.students} == {(one.name, one.points) for one in report.students}

    def test_shows_the_first_of_very_many_and_says_so(self, book: Book) -> None:
        known = book.result("a", RIGHT)
        report = reported(book, [replace(known, student=f"s{number:04}") for number in range(1200)])
        text = page(report)
        assert text.count("<tr><td><bdi>") == 1000
        assert "200 more are in the CSV" in text
        assert len(table(report, "students")) == 1200


class TestTables:
    def test_carry_the_figures(self, book: Book, cohort: list[Result]) -> None:
        report = reported(book, cohort)
        dana = next(row for row in table(report, "students") if row["student"] == "dana")
        assert (dana[EXERCISE], dana[f"{EXERCISE} outcome"], dana["max_points"]) == ("2", "failed", "9")
        assert table(report, "checks")[0]["check"] == "test_values"
        divided = next(row for row in table(report, "mistakes") if row["names"] == "divided")
        assert (divided["students"], divided["who"]) == ("3", "dana; emil; fatima")

    @pytest.mark.parametrize(
        "words",
        [
            "=1+1",
            "+1+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            " =1+1",
            "=cmd|' /C calc'!A0",
            "＝1",
            "a;=1+1",
            'a; "=1+1"',
            "a\n=1",
        ],
    )
    def test_no_cell_is_a_formula(self, book: Book, words: str) -> None:
        known = replace(book.result(words, LONG), notes=(Note("forged", Text(words, words)),))
        other = replace(book.result(f"{words} too", LONG))
        for text in tables(reported(book, [known, other])).values():
            for row in csv.reader(io.StringIO(text)):
                # where the decimal sign is a comma, a semicolon parts cells
                parts = [part.lstrip(' "') for value in row for part in value.split(";")]
                assert not [part for part in parts if part[:1] in set("=+-@＝")]

    @pytest.mark.parametrize(
        "name", ["O'Brien", "Jean-Luc", "李雷", "Ада", "d'Arc, Jeanne", "-5", "+3.5", "1e5", "José 2"]
    )
    def test_names_and_numbers_stay_as_they_are(self, name: str) -> None:
        assert cell(name) == name

    def test_cells(self) -> None:
        assert [cell(value) for value in (None, 2.0, 2.5, 1 / 3, 7, True)] == ["", "2", "2.5", "0.3333", "7", "True"]
        assert cell("a\nb\r\nc\u202e") == "a b c\ufffd"
        assert plain("a\u3000b\x00") == "a b\ufffd"


class TestSides:
    def test_lines_that_are_the_same_stand_side_by_side(self) -> None:
        found, more = rows(Alike(("a", "b"), 0.9, Submitted("a", LONG), Submitted("b", RENAMED)), "exercise")
        assert not more
        same = {(row.left.strip(), row.right.strip()) for row in found if row.same}
        assert ("total = total + part * factor", "s = s + piece * factor") in same
        assert ("for row in x.reshape(-1):", "for v in data.reshape(-1):   # each number") in same
        assert [row.left for row in found if row.left] == [line for line in LONG.split("\n") if line]

    def test_of_what_is_long_only_the_beginning(self) -> None:
        long = "\n".join(f"a{number} = {number}" for number in range(500))
        found, more = rows(Alike(("a", "b"), 1.0, Submitted("a", long), Submitted("b", long)), "exercise")
        assert (len(found), more) == (150, True)


class TestBrowser:
    """In headless Chromium, where it is installed."""

    def browse(self, *words: str) -> str:
        command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout

    def test_nothing_that_a_student_wrote_runs(self, book: Book, tmp_path: Path) -> None:
        results = [replace(book.result(words, LONG), source=f"{LONG}#{words}") for words in HOSTILE]
        file = tmp_path / "report.html"
        file.write_text(page(reported(book, results)), encoding="utf-8", errors="replace")
        shown = self.browse("--dump-dom", file.as_uri())
        assert "<title>week 3 · Report</title>" in shown
        assert "&lt;script&gt;" in shown

    def test_the_trial_would_see_a_script_that_runs(self, tmp_path: Path) -> None:
        file = tmp_path / "owned.html"
        file.write_text(f"<title>fine</title>{HOSTILE[0]}", encoding="utf-8")
        assert "<title>owned</title>" in self.browse("--dump-dom", file.as_uri())

    @pytest.mark.parametrize("width", [1000, 420])
    def test_nothing_is_wider_than_the_window(
        self, book: Book, cohort: list[Result], tmp_path: Path, width: int
    ) -> None:
        wide = replace(book.result("x" * 120, LONG), source=LONG.replace("rows", "rows" * 60))
        report = reported(book, [*cohort, wide, replace(wide, student="y" * 120)])
        inside = page(report).replace("&", "&amp;").replace('"', "&quot;")
        file = tmp_path / "frame.html"
        file.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><iframe width="{width}" height="800" srcdoc="{inside}"></iframe>'
            "<script>onload = () => { const page = document.querySelector('iframe').contentDocument.documentElement;"
            "document.title = `${page.scrollWidth} ${page.querySelectorAll('rect').length}` }</script>",
            encoding="utf-8",
        )
        found = re.search(r"<title>(\d+) (\d+)</title>", self.browse("--dump-dom", file.as_uri()))
        assert found
        assert int(found[1]) <= width
        assert int(found[2]) > 2, "the columns of the plot are there"

    def test_prints(self, book: Book, cohort: list[Result], tmp_path: Path) -> None:
        file, printed = tmp_path / "report.html", tmp_path / "report.pdf"
        file.write_text(page(reported(book, cohort), "zh"), encoding="utf-8")
        self.browse("--no-pdf-header-footer", f"--print-to-pdf={printed}", file.as_uri())
        data = printed.read_bytes()
        assert data.startswith(b"%PDF")
        assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 8


class TestCommand:
    @pytest.fixture
    def graded(self, course_ground: Ground) -> Ground:
        for student, code in (("ada", RIGHT), ("ben", DIVIDES), ("chen", DIVIDES)):
            course_ground.hand_in(student, code)
            course_ground.answer(student, {"gan": GOOD_ANSWER})
        course_ground.practice("course", "grade", "ps1", "--workers", "1", cwd=course_ground.folder)
        return course_ground

    def test_writes_the_page_and_the_tables(self, graded: Ground, tmp_path: Path) -> None:
        said = graded.practice("course", "report", "ps1", cwd=graded.folder)
        assert "reports/ps1.html" in said
        folder = graded.folder / "reports"
        names = {"ps1.html", *(f"ps1-{name}.csv" for name in ("students", "checks", "mistakes", "alike", "incidents"))}
        assert {path.name for path in folder.iterdir()} == names
        assert "x is divided by the factor" in Page((folder / "ps1.html").read_text(encoding="utf-8")).text
        assert (folder / "ps1-students.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,"), (
            "Excel reads Chinese then"
        )

        chosen = tmp_path / "mine" / "monday.html"
        graded.practice(
            "course", "report", "ps1", "--course", graded.folder, "--output", chosen, "--anonymous", "--lang", "zh"
        )
        text = chosen.read_text(encoding="utf-8")
        assert "下次课值得再讲" in text
        assert "chen" not in text + (tmp_path / "mine" / "monday-students.csv").read_text(encoding="utf-8")
        graded.practice("course", "report", "ps1", "--course", graded.folder, "--output", tmp_path / "there")
        assert (tmp_path / "there" / "ps1.html").is_file()

        blocked = tmp_path / "file"
        blocked.write_text("")
        said = graded.practice("course", "report", "ps1", "--output", blocked, cwd=graded.folder, status=2)
        assert "cannot be written" in said
        assert "--output" in said

    def test_says_what_is_missing(self, course_ground: Ground) -> None:
        folder = course_ground.folder
        for words, expected in (
            (("report", "ps1"), ("nothing of 'ps1' is graded yet", "practice course grade ps1")),
            (("report", "ps9"), ("there is no assignment 'ps9'", "ps1")),
            (("export", "ps1", "--format", "canvas"), ("nothing of 'ps1' is graded yet", "practice course grade ps1")),
            (("export", "ps1", "--format", "excel"), ("excel", "--help")),
        ):
            said = course_ground.practice("course", *words, cwd=folder, status=2)
            assert all(part in said for part in expected), said
            assert "Traceback" not in said
        said = course_ground.practice("course", "report", "ps1", "--course", folder / "nowhere", status=2)
        assert "course.yaml" in said


def test_the_documentation_names_the_options_that_there_are() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    for command in (report_command, export):
        lines = "\n".join(re.findall(rf"practice course {command.name} .*", text))
        told = set(re.findall(r"--[a-z-]+", lines))
        known = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
        assert told <= known
        assert known - {"--course", "--lang", "--content", "--debug"} <= told
