"""nbgrader's formgrader as an instructor sees it: a real server, a real browser, and what a person does with both."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browsing
from course_ground import ASSIGNMENT, RIGHT, Ground
from formgrader_server import Formgrader, formgrading
from odd_ground import HOSTILE, LARGE, MANY, OWNED, SCRIPT, Ended
from report_ground import chromium

BY_HAND = 4.25
# nbgrader's own pages fetch this, to set formulas; in the tests nothing outside is to be had
CDN = "https://cdnjs.cloudflare.com/ajax/libs/"
MATHJAX = f"{CDN}mathjax/"


@pytest.fixture(scope="module")
def ground(odd_nbgrader: tuple[Ground, Ended], tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return odd_nbgrader[0].copied(tmp_path_factory.mktemp("formgrader") / "ground", *LARGE, MANY)


@pytest.fixture(scope="module")
def served(ground: Ground) -> Iterator[Formgrader]:
    chromium()  # skips before anything is started
    with formgrading(ground) as found:
        yield found


@pytest.fixture(scope="module")
def browser(ground: Ground, served: Formgrader) -> Iterator[Browser]:
    with browsing(ground.root) as found:
        found.open(served.page("manage_assignments"))  # from here on it is known
        yield found


def show(browser: Browser, served: Formgrader, student: str, notebook: str) -> str:
    """The page on which a student's notebook is graded by hand, once its marks are there; its text."""
    browser.open(served.page("submissions", served.submission(student, notebook)))
    browser.until("[...document.querySelectorAll('.score')].every(each => each.placeholder || each.value)")
    return str(browser.value("document.body.innerText"))


def marks(browser: Browser) -> dict[str, str]:
    """What stands in the field of each mark: a person's, else ours."""
    found = browser.value(
        "Object.fromEntries([...document.querySelectorAll('.score')].map(e => [e.id, e.value || e.placeholder]))"
    )
    return dict(found)


def test_every_check_has_its_mark_and_its_words(browser: Browser, served: Formgrader) -> None:
    text = show(browser, served, "plain", "scale")
    assert marks(browser) == {"test_runs": "1", "test_values": "0", "test_keeps_its_input": "1"}
    assert "return x / factor" in text, "the code of a plain file"
    for words in (
        "x is divided by the factor",
        "x 除以了 factor",
        "A factor above one must make large entries larger.",
    ):
        assert words in text


def test_a_proposal_stands_below_the_answer_and_waits(browser: Browser, served: Formgrader) -> None:
    text = show(browser, served, "mixed", "questions")
    assert "A GAN trains two networks" in text
    assert "Proposed 建议分" in text
    assert browser.value("document.querySelector('.score').classList.contains('needs_manual_grade')")


@pytest.mark.parametrize("notebook", ["scale", "questions"])
def test_nothing_that_a_student_wrote_runs(browser: Browser, served: Formgrader, notebook: str) -> None:
    """Neither an answer or an error's message, nor the name."""
    text = show(browser, served, HOSTILE, notebook)
    assert SCRIPT in text
    assert browser.value("document.title") == notebook
    assert browser.value("document.querySelectorAll('img, [onerror], a[href^=\"javascript\"]').length") == 0
    assert not [each for each in browser.asked if not each.startswith((served.address, MATHJAX))]
    assert not [each for each in browser.asked if each.endswith("/x")], "the image of a name"


@pytest.mark.parametrize(
    "words", [("manage_submissions", ASSIGNMENT), ("manage_students",), ("manage_students", HOSTILE)]
)
def test_no_name_runs_in_a_list(browser: Browser, served: Formgrader, words: tuple[str, ...]) -> None:
    browser.open(served.page(*words))
    browser.until(f"document.body.innerText.includes({HOSTILE!r})")  # a list is drawn more than once
    assert OWNED.split("'")[1] not in browser.value("document.title")


def test_the_button_grades_a_plain_file(browser: Browser, served: Formgrader, ground: Ground) -> None:
    (ground.submitted("nothing") / "scale.py").write_text(RIGHT, encoding="utf-8")
    browser.open(served.page("manage_submissions", ASSIGNMENT))
    row = "[...document.querySelectorAll('tr')].find(row => /\\bnothing\\b/.test(row.innerText))"
    browser.until(f"{row} && {row}.querySelector('.autograde a')")
    browser.value(f"{row}.querySelector('.autograde a').click()")
    browser.until("document.querySelector('.modal.in')")
    assert "Success" in browser.value("document.querySelector('.modal.in').innerText")
    found = next(each for each in served.api("submissions", ASSIGNMENT) if each["student"] == "nothing")
    assert (found["autograded"], found["score"]) == (True, 4.0)


def test_a_mark_saved_by_hand_is_in_everything_that_follows(
    browser: Browser, served: Formgrader, ground: Ground
) -> None:
    show(browser, served, "mixed", "questions")
    before = float(marks(browser)["gan"])
    assert before != BY_HAND
    typed = f"field.value = '{BY_HAND}'; field.dispatchEvent(new Event('change', {{bubbles: true}}))"
    browser.value(f"{{ const field = document.querySelector('.score'); {typed} }}")
    browser.until("!document.querySelector('.score').classList.contains('needs_manual_grade')")
    ground.practice("course", "grade", ASSIGNMENT, "--student", "mixed", "--force", cwd=ground.folder)
    show(browser, served, "mixed", "questions")
    assert marks(browser) == {"gan": f"{BY_HAND:g}"}, "graded again, and kept"

    ground.nbgrader("export", "--to", "theirs.csv")
    assert float(_row(ground.folder / "theirs.csv", "mixed")["score"]) == 4 + BY_HAND
    ground.practice("course", "export", ASSIGNMENT, "--format", "csv", cwd=ground.folder)
    ours = _row(ground.folder / "exports" / f"{ASSIGNMENT}-csv.csv", "mixed")
    assert (float(ours["score"]), float(ours["gan"])) == (4 + BY_HAND, BY_HAND)
    ground.practice("course", "report", ASSIGNMENT, cwd=ground.folder)
    told = _row(ground.folder / "reports" / f"{ASSIGNMENT}-students.csv", "mixed")
    assert (float(told["points"]), float(told["gan"]), float(told["scale"])) == (4 + BY_HAND, BY_HAND, 4)
    page = (ground.folder / "reports" / f"{ASSIGNMENT}.html").read_text(encoding="utf-8")
    assert re.search(rf"mixed.*{4 + BY_HAND:g} / 9", page)


def test_pages_of_files_ask_for_nothing_and_run_nothing(browser: Browser, ground: Ground) -> None:
    """The report, and the feedback that nbgrader makes for the student."""
    ground.practice("course", "report", ASSIGNMENT, cwd=ground.folder)
    ground.nbgrader("generate_feedback", ASSIGNMENT, "--student", HOSTILE)
    pages = [ground.folder / "reports" / f"{ASSIGNMENT}.html"]
    pages += sorted((ground.folder / "feedback" / HOSTILE / ASSIGNMENT).glob("*.html"))
    assert len(pages) == 3
    for page in pages:
        browser.open(page.as_uri())
        assert browser.value("document.title") != "owned"
        assert browser.value("document.querySelectorAll('img, [onerror], a[href^=\"javascript\"]').length") == 0
        assert not [each for each in browser.asked if not each.startswith(("file://", "data:", CDN))]
    browser.open(pages[0].as_uri())
    assert browser.asked == [pages[0].as_uri()]
    assert HOSTILE in browser.value("document.body.innerText")


def _row(file: Path, student: str) -> dict[str, str]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return next(row for row in csv.DictReader(lines) if student in (row.get("student"), row.get("student_id")))
