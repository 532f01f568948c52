"""How a text is read: both languages in one stream, spelling and hyphens aside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.answers.words import mended, read, stems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pre-training", "pretraining"),
        ("pre training", "pretraining"),
        ("fine-tuned", "fine tuning"),
        ("labelled", "labeled"),
        ("generalise", "generalize"),
        ("optimisation", "optimization"),
        ("behaviour", "behavior"),
        ("int8", "INT-8"),
        ("175B", "175 b"),
        ("1,750", "1750"),
        ("doesn't", "does not"),
        ("doesnt", "does not"),
        ("cannot", "can not"),
        ("can’t", "can not"),
        ("w/o labels", "without label"),
        ("ｉｎｔ８", "int8"),
        ("non-differentiable", "non differentiable"),
        ("multi-head", "multihead"),
    ],
)
def test_two_spellings_are_one_word(one: str, other: str) -> None:
    assert stems(one) == stems(other)


@pytest.mark.parametrize(("one", "other"), [("labelled", "unlabelled"), ("encoder", "decoder"), ("int8", "int4")])
def test_two_words_stay_two(one: str, other: str) -> None:
    assert stems(one) != stems(other)


def test_chinese_and_english_stand_in_one_stream() -> None:
    words = read("用 softmax 归一化。It sums to one.")
    assert [word.raw for word in words.words] == ["用", "softmax", "归", "一", "化", "it", "sums", "to", "one"]
    assert [word.sentence for word in words.words] == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_a_comma_and_a_but_begin_a_clause_and_a_dot_in_a_number_nothing() -> None:
    words = read("It has 1.75 units, e.g. two but no more")
    assert [word.sentence for word in words.words] == [0] * len(words.words)
    assert [word.clause for word in words.words] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_quote_is_word_by_word_what_was_written() -> None:
    text = "First,  the   Softmax（归一化）runs; then it stops."
    words = read(text)
    place = next(index for index, word in enumerate(words.words) if word.raw == "softmax")
    assert words.quote(place, place) == "the   Softmax"


@given(st.text(max_size=200))
def test_every_word_is_where_it_says(text: str) -> None:
    words = read(text)
    ends = 0
    for word in words.words:
        assert 0 <= word.start < word.end <= len(text)
        assert word.start >= ends or text[word.start : word.end].lower() == text[word.start : word.end].lower()
        ends = word.start
    for first, last in words.sentences:
        assert first < last
        assert words.quote(first, last - 1) in text


def test_a_misspelt_word_is_read_as_the_nearest_of_the_rubric() -> None:
    vocabulary = set(stems("discriminator gradient unlabelled structured"))
    assert [word.stem for word in mended(read("the discrimnator gets gradeint"), vocabulary).words] == [
        "the",
        "discrimin",
        "get",
        "gradient",
    ]


@pytest.mark.parametrize("word", ["labelled", "unstructured", "increase"])
def test_no_word_is_mended_into_its_opposite(word: str) -> None:
    vocabulary = set(stems("unlabelled structured decrease"))
    assert mended(read(word), vocabulary).words[0].stem == stems(word)[0]
