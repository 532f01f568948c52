"""What a 'not' reaches, what a contrast takes away."""

from __future__ import annotations

import pytest

from grader.answers.polarity import polarity
from grader.answers.words import read


def negated(text: str) -> str:
    words = read(text)
    found = polarity(words)
    return _joined(word for word, cues in zip(words.words, found.cues, strict=True) if len(cues) % 2)


def dropped(text: str) -> str:
    words = read(text)
    found = polarity(words)
    return _joined(word for word, gone in zip(words.words, found.dropped, strict=True) if gone)


def _joined(words) -> str:
    return "".join(word.raw if word.chinese else f" {word.raw}" for word in words).strip()


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("BERT is not bidirectional.", "not bidirectional"),
        ("It doesn't shrink the model.", "not shrink the model"),
        ("It never looks back, it runs in parallel.", "never looks back"),
        ("It needs no labels and learns grammar.", "no labels"),
        ("Without recurrence, all positions run at once.", "without recurrence"),
        ("量化不能减小模型体积，可以加快推理。", "不能减小模型体积"),
        ("它在没有标注的文本上学习。", "没有标注的"),
        ("并不是双向的。", "不是双向的"),
        ("Fewer bits do not mean lower quality.", ""),
        ("It is not only smaller but also faster.", ""),
        ("它不仅更小，而且更快。", ""),
        ("不同的头关注不同的位置。", ""),
        ("非线性层是必须的。", ""),
        ("无论多远都能直接联系。", ""),
    ],
)
def test_how_far_a_negation_reaches(text: str, reached: str) -> None:
    assert negated(text) == reached


def test_two_negations_are_none() -> None:
    assert "reduce" not in negated("It cannot fail to reduce memory.").split()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Unlike pruning, quantization keeps every weight.", "unlike pruning"),
        ("It predicts masked words rather than the next word.", "rather than the next word"),
        ("It is not a decoder but an encoder.", "not a decoder"),
        ("BERT 不是从左到右的解码器，而是双向的编码器。", "不是从左到右的解码器"),
        ("它不预测下一个词，而是预测被遮住的词。", "不预测下一个词"),
        ("它用整数而不是浮点数。", "而不是浮点数"),
        ("与剪枝不同，量化不删除权重。", "与剪枝不同"),
        ("It reads left and right.", ""),
    ],
)
def test_what_a_contrast_takes_away(text: str, gone: str) -> None:
    assert dropped(text) == gone


def doubted(text: str) -> str:
    words = read(text)
    found = polarity(words)
    return _joined(word for word, cues in zip(words.words, found.doubted, strict=True) if cues)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("Distant words cannot be reached.", "distant words can"),
        ("Examples have no effect.", "examples have"),
        ("长距离依赖它处理不了。", "长距离依赖它处理"),
        ("The weights that are not used are zero.", "are"),
        ("It uses one byte and not four.", ""),
        ("It learns from text with no labels.", ""),
        ("它在没有标注的文本上学习。", ""),
        ("模型不微调也能做新任务。", ""),
    ],
)
def test_what_a_negated_predicate_says_nothing_of(text: str, of: str) -> None:
    assert doubted(text) == of
