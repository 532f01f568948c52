"""equivalent.yaml: what it says, and what is told of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.content.equivalents import EQUIVALENT, equivalents
from grader.errors import ContentError

WHOLE = """\
equivalent:
  - reason: Both widths
      are one.
    within: scale
    mutants:
      - line: "scores = a / math.sqrt(q.shape[-1])"
        becomes: "scores = a / math.sqrt(k.shape[-1])"
      - {line: return x, becomes: return y}
"""


def test_a_file_that_is_missing_lists_nothing(tmp_path: Path) -> None:
    assert equivalents(tmp_path) == ()


def test_reasons_hold_for_all_mutants_below_them(tmp_path: Path) -> None:
    (tmp_path / EQUIVALENT).write_text(WHOLE, encoding="utf-8")
    first, second = equivalents(tmp_path)
    assert first.key == ("scale", "scores = a / math.sqrt(q.shape[-1])", "scores = a / math.sqrt(k.shape[-1])")
    assert first.reason == second.reason == "Both widths are one."
    assert (first.place.line, second.place.line) == (6, 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reason:", "because:", "unknown key 'because'"),
        ("    within: scale\n", "", "the key 'within' is missing"),
        ("becomes: return y", "becomes: ''", "is empty"),
        ("{line: return x, becomes: return y}", "return x", "expected keys and values"),
        (
            "{line: return x, becomes: return y}",
            '{line: "scores = a / math.sqrt(q.shape[-1])", becomes: "scores = a / math.sqrt(k.shape[-1])"}',
            "is there twice, first on line 6",
        ),
        ("equivalent:", "equivalents:", "unknown key 'equivalents'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE
    (tmp_path / EQUIVALENT).write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        equivalents(tmp_path)
    assert said in caught.value.message.en
    assert "equivalent.yaml:" in caught.value.message.en
