"""Statements: what a reader is shown, and every fault that the proofreading tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.content import Catalogue, lint, statement
from grader.errors import ContentError


def test_markers_are_read_and_not_shown(write, root: Path) -> None:
    write("scale")
    english = statement(Catalogue([root]).get("scale"), "en")
    assert english.opening == "Multiply a matrix by one number."
    assert english.rules_marked == ("shape", "values")
    assert english.body.startswith("## Your task\n\nComplete the stub.\n\n## Rules\n\n- The shape stays.\n")
    assert "- Every entry is multiplied.\n\n## Worked example" in english.body
    assert english.body.endswith("- And in place?")


def test_code_is_shown_as_it_is(write, root: Path) -> None:
    write("scale")
    english = statement(Catalogue([root]).get("scale"), "en")
    assert "## not a heading\nscale(x, factor=2.0)  # <!-- rule: not-a-marker -->\n" in english.body


def test_the_chinese_statement_is_its_own(write, root: Path) -> None:
    write("scale")
    chinese = statement(Catalogue([root]).get("scale"), "zh")
    assert chinese.opening == "把矩阵乘上一个数。"
    assert chinese.rules_marked == ("shape", "values")


def test_a_statement_without_headings_is_all_opening(write, root: Path) -> None:
    write("scale", en="Only this.\n")
    english = statement(Catalogue([root]).get("scale"), "en")
    assert (english.opening, english.body) == ("Only this.", "")


def test_a_sound_exercise_has_no_faults(write, root: Path) -> None:
    write("scale")
    assert lint(Catalogue([root]).get("scale")) == []


OWN = "give each graded rule a list item of its own"
END = "end the list item with the marker"
LIST = "the headings are: Your task, Rules, Worked example, Why interviewers ask, Asked next"
LIST_ZH = "the headings are: 任务, 规则, 例子, 面试为什么问, 接着会问"
SHAPE = "- The shape stays. <!-- rule: shape -->\n"

# Each: language, what is replaced, by what; then every message after `exercises/scale/statement.`, and its remedy.
FAULTS = {
    "no opening": (
        "en", "Multiply a matrix by one number.\n", "# Scale\n",
        [("en.md: the opening is empty", "say above the first '## ' what is to be written")],
    ),
    "heading missing": (
        "en", "## Asked next\n", "",
        [("en.md: the heading '## Asked next' is missing", LIST)],
    ),
    "heading missing in Chinese": (
        "zh", "## 接着会问\n", "",
        [("zh.md: the heading '## 接着会问' is missing", LIST_ZH)],
    ),
    "heading with a slip": (
        "en", "## Worked example", "## Worked examples",
        [
            ("en.md:12: '## Worked examples' is not one of the headings", "did you mean 'Worked example'?"),
            ("en.md: the heading '## Worked example' is missing", LIST),
        ],
    ),
    "heading of one's own": (
        "en", "## Asked next", "## 注意\n\nText.\n\n## Asked next",
        [("en.md:23: '## 注意' is not one of the headings", LIST)],
    ),
    "heading twice": (
        "en", "## Asked next", "## Rules\n\nText.\n\n## Asked next",
        [("en.md:23: '## Rules' is there twice, first on line 7", "make one section of the two")],
    ),
    "headings in another order": (
        "zh", "## 任务\n\n完成 stub。\n\n## 规则", "## 规则\n\n完成 stub。\n\n## 任务",
        [("zh.md:3: '## 规则' is out of order", LIST_ZH)],
    ),
    "section without text": (
        "en", "They do.\n", "",
        [("en.md:19: nothing stands below '## Why interviewers ask'", "write the section")],
    ),
    "fence left open": (
        "en", "```\n\n## Why", "\n\n## Why",
        [("en.md:14: the code fence is never closed", "close it with the same ``` or ~~~")],
    ),
    "rule without marker": (
        "zh", "- 形状不变。 <!-- rule: shape -->\n", "- 形状不变。\n",
        [("zh.md: the rule 'shape' of exercise.yaml has no marker", "end its list item with <!-- rule: shape -->")],
    ),
    "marker with a slip": (
        "en", "rule: shape", "rule: shapes",
        [
            ("en.md:9: 'shapes' is not one of the rules of exercise.yaml", "did you mean 'shape'?"),
            ("en.md: the rule 'shape' of exercise.yaml has no marker", "end its list item with <!-- rule: shape -->"),
        ],
    ),
    "marker of nothing": (
        "en", SHAPE, SHAPE + "- More. <!-- rule: zzz -->\n",
        [("en.md:10: 'zzz' is not one of the rules of exercise.yaml", "add it to `rules`, or remove the marker")],
    ),
    "rule marked twice": (
        "en", SHAPE, SHAPE + SHAPE,
        [("en.md:10: the rule 'shape' is marked twice, first on line 9", "keep one of the two")],
    ),
    "another comment": (
        "en", "Complete the stub.", "Complete the stub. <!-- todo -->",
        [("en.md:5: readers see this comment: it is not a rule's marker", "a marker is written <!-- rule: name -->")],
    ),
    "marker in a paragraph": (
        "en", SHAPE, "The shape stays. <!-- rule: shape -->\n\n",
        [("en.md:9: a marker stands outside a list item", OWN)],
    ),
    "marker below the list": (
        "en", SHAPE, "- The shape stays.\n\nThat is a rule. <!-- rule: shape -->\n\n",
        [("en.md:11: a marker stands outside a list item", OWN)],
    ),
    "marker in a heading": (
        "en", "## Rules\n\n" + SHAPE, "## Rules <!-- rule: shape -->\n\n",
        [("en.md:7: a marker stands outside a list item", OWN)],
    ),
    "two markers in an item": (
        "en", " <!-- rule: shape -->\n- Every entry", " <!-- rule: shape -->\n  Every entry",
        [("en.md:10: two markers stand in one list item", OWN)],
    ),
    "two markers in a line": (
        "en", " <!-- rule: shape -->\n- Every entry", " <!-- rule: shape --> Every entry",
        [("en.md:9: two markers stand in one list item", OWN)],
    ),
    "text after the marker": (
        "en", SHAPE, "- The shape <!-- rule: shape --> stays.\n",
        [("en.md:9: more of the list item follows the marker", END)],
    ),
    "text below the marker": (
        "en", SHAPE, SHAPE + "  And the dtype.\n",
        [("en.md:9: more of the list item follows the marker", END)],
    ),
    "a paragraph below the marker": (
        "en", SHAPE, SHAPE + "\n  And the dtype.\n",
        [("en.md:9: more of the list item follows the marker", END)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("language", "old", "new", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_its_place_and_its_remedy(
    write, root: Path, language: str, old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    path = write("scale").with_name(f"statement.{language}.md")
    sound = path.read_text(encoding="utf-8")
    assert sound.count(old) == 1, "the table must replace exactly one place"
    path.write_text(sound.replace(old, new), encoding="utf-8")
    found = lint(Catalogue([root]).get("scale"))
    assert [(error.message.en, error.remedy.en) for error in found] == [
        (f"exercises/scale/statement.{message}", remedy) for message, remedy in expected
    ]
    for error in found:
        assert any("一" <= letter <= "鿿" for letter in error.message.zh)
        assert any("一" <= letter <= "鿿" for letter in error.remedy.zh)


@pytest.mark.parametrize(
    "item",
    [
        "- The shape\n  stays. <!-- rule: shape -->\n",
        "- The shape\nstays. <!-- rule: shape -->\n",
        "- The shape:\n\n  (T, D). <!-- rule: shape -->\n",
        "1. The shape stays. <!--rule: shape-->\n",
        "* The shape stays.<!-- rule:shape -->\n",
        "- These:\n  - the shape stays. <!-- rule: shape -->\n",
        "- The shape, as in\n\n  ```python\n  y = f(x)\n  ```\n\n  stays. <!-- rule: shape -->\n",
        "- Use ```f(x)``` inline. <!-- rule: shape -->\n",
        "```f(x)``` is code within a line.\n\n- The shape stays. <!-- rule: shape -->\n",
    ],
)
def test_ways_to_write_a_marked_item(write, root: Path, item: str) -> None:
    path = write("scale").with_name("statement.en.md")
    path.write_text(path.read_text(encoding="utf-8").replace(SHAPE, item), encoding="utf-8")
    exercise = Catalogue([root]).get("scale")
    assert [str(error) for error in lint(exercise)] == []
    assert statement(exercise, "en").rules_marked == ("shape", "values")


def test_a_heading_right_below_an_item_ends_it(write, root: Path) -> None:
    path = write("scale").with_name("statement.en.md")
    path.write_text(path.read_text(encoding="utf-8").replace("-->\n\n## Worked", "-->\n## Worked"), encoding="utf-8")
    assert [str(error) for error in lint(Catalogue([root]).get("scale"))] == []


def test_files_from_windows_are_read_alike(write, root: Path) -> None:
    path = write("scale").with_name("statement.en.md")
    exercise = Catalogue([root]).get("scale")
    before = statement(exercise, "en")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert statement(exercise, "en") == before
    assert lint(exercise) == []


def test_a_fence_may_end_the_file(write, root: Path) -> None:
    path = write("scale").with_name("statement.en.md")
    path.write_text(path.read_text(encoding="utf-8") + "\n```\nx\n```", encoding="utf-8")
    assert [str(error) for error in lint(Catalogue([root]).get("scale"))] == []


def test_a_fence_is_closed_only_by_its_own_kind(write, root: Path) -> None:
    fence = "````markdown\n```\n## inside\n```\n~~~~\n```` no\n## still inside\n`````\n"
    path = write("scale").with_name("statement.en.md")
    path.write_text(path.read_text(encoding="utf-8").replace("They do.\n", fence), encoding="utf-8")
    assert [str(error) for error in lint(Catalogue([root]).get("scale"))] == []


def test_a_statement_that_cannot_be_read_is_one_fault(write, root: Path) -> None:
    path = write("scale").with_name("statement.zh.md")
    exercise = Catalogue([root]).get("scale")
    path.write_bytes(b"\xff")
    assert [str(error) for error in lint(exercise)] == [
        "exercises/scale/statement.zh.md:1: is not UTF-8\nsave it as UTF-8"
    ]
    with pytest.raises(ContentError):
        statement(exercise, "zh")
