"""questions.yaml, concepts and rubrics: what is read, and every message about what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from grader.content import TOPICS, builtin_root
from grader.content.bank import Bank
from grader.content.questions import load_concepts, load_questions, load_rubric
from grader.errors import ContentError, Text, UnknownName

QUESTION = {
    "topic": "attention",
    "level": 2,
    "blog": 2,
    "prompt": {"en": "Why?", "zh": "为什么？"},
    "answer": {"en": "Because.", "zh": "因为。"},
    "explanation": {"en": "So it is.", "zh": "就是这样。"},
    "sources": ["Vaswani et al. 2017, arXiv:1706.03762"],
}
POINT = {
    "weight": 1,
    "required": "true",
    "text": {"en": "It shrinks.", "zh": "变小。"},
    "hint": {"en": "Size?", "zh": "大小？"},
    "terms": ["@smaller & file | 文件"],
    "phrasings": {"en": [f"Phrase {n}" for n in range(6)], "zh": [f"说法{n}" for n in range(6)]},
}
WRONG = {
    "contradicts": ["size"],
    "correction": {"en": "No.", "zh": "不。"},
    "terms": ["grows"],
    "wordings": {"en": ["It grows."], "zh": ["变大。"]},
}
TEST = {
    "kind": "good",
    "language": "en",
    "score": [0.6, 1],
    "answer": "The file shrinks.",
    "points": {"size": "covered"},
}
CONCEPTS = {"smaller": {"opposite": "larger", "en": ["shrink"], "zh": ["变小"]}, "larger": {"en": ["grow"]}}


class WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        return True


def changed(tree: dict, path: str, value: object) -> dict:
    """A deep copy with one place changed; None removes it."""
    tree = yaml.safe_load(yaml.safe_dump(tree))
    *way, last = path.split(".")
    node = tree
    for key in way:
        node = node[int(key) if isinstance(node, list) else key]
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return tree


def dump(path: Path, tree: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(tree, Dumper=WithoutAliases, allow_unicode=True), encoding="utf-8")
    return path


def rubric() -> dict:
    return {
        "subjects": {"net": "network | 网络"},
        "points": {"size": POINT},
        "misconceptions": {"grows": WRONG},
        "tests": [TEST],
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_key_of_a_question_is_read(folder: Path) -> None:
    full = {**QUESTION, "erratum": {"en": "E", "zh": "勘误"}, "exercises": ["self_attention"], "follow_ups": ["next"]}
    found = load_questions(dump(folder / "questions.yaml", {"first": full, "next": QUESTION}))
    question = found["first"]
    assert list(found) == ["first", "next"]
    assert (question.topic, question.level, question.blog) == ("attention", 2, 2)
    assert question.prompt == Text("Why?", "为什么？")
    assert question.erratum == Text("E", "勘误")
    assert question.exercises == ("self_attention",)
    assert question.follow_ups == ("next",)
    assert found["next"].erratum is None


def test_chinese_that_yaml_has_folded_has_no_gaps(folder: Path) -> None:
    (folder / "questions.yaml").write_text(
        yaml.safe_dump({"q": QUESTION}, allow_unicode=True).replace(
            "zh: 因为。", "zh: >-\n      权重更小，\n      用 int8\n      存储。"
        ),
        encoding="utf-8",
    )
    assert load_questions(folder / "questions.yaml")["q"].answer.zh == "权重更小，用 int8 存储。"


@pytest.mark.parametrize(
    ("path", "value", "key", "message"),
    [
        ("q.topic", "cooking", "q.topic", "'cooking' is not one of"),
        ("q.level", 4, "q.level", "'4' does not fit here"),
        ("q.blog", 10, "q.blog", "'10' does not fit here"),
        ("q.prompt.zh", None, "q.prompt", "the key 'zh' is missing"),
        ("q.answer.en", "", "q.answer.en", "is empty"),
        ("q.sources", [], "q.sources", "has 0 names"),
        ("q.hints", "x", "q", "unknown key 'hints'"),
        ("q.follow_ups", ["nowhere"], "q.follow_ups[0]", "'nowhere' is not known here"),
        ("q.follow_ups", ["q"], "q.follow_ups[0]", "'q' is not known here"),
        ("Q", QUESTION, "Q", "'Q' is not an id"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(folder: Path, path: str, value: object, key: str, message: str) -> None:
    with pytest.raises(ContentError) as caught:
        load_questions(dump(folder / "questions.yaml", changed({"q": QUESTION}, path, value)))
    said = str(caught.value)
    assert said.startswith("questions.yaml:")
    assert f" {key}: " in said.split("\n")[0]
    assert message in said
    assert len(said.split("\n")) == 2, "and a remedy"


@pytest.mark.parametrize(
    ("path", "value", "key", "message"),
    [
        ("points", {}, "points", "names no point"),
        ("points.size.required", "false", "points", "no point is required"),
        ("points.size.weight", 0, "points.size.weight", "'0' does not fit here"),
        ("points.size.about", "nobody", "points.size.about", "'nobody' is not known here"),
        ("points.size.terms.0", "a & & b", "points.size.terms[0]", "a term is empty"),
        ("points.size.terms.0", "@tiny | b", "points.size.terms[0]", "no concept is called '@tiny'"),
        ("points.size.phrasings.en", ["one"], "points.size.phrasings.en", "has 1 of them, needs 6 to 12"),
        (
            "misconceptions.grows.contradicts",
            ["colour"],
            "misconceptions.grows.contradicts[0]",
            "'colour' is not known",
        ),
        ("tests.0.kind", "lucky", "tests[0].kind", "'lucky' is not one of"),
        ("tests.0.score", [1, 0.5], "tests[0].score", "is not a range"),
        ("tests.0.score", [0.5], "tests[0].score", "is not a range"),
        ("tests.0.points", {"colour": "covered"}, "tests[0].points.colour", "'colour' is not known here"),
        ("tests.0.points", {"size": "said"}, "tests[0].points.size", "'said' is not one of"),
    ],
)
def test_what_is_wrong_with_a_rubric_is_said(folder: Path, path: str, value: object, key: str, message: str) -> None:
    concepts = load_concepts(dump(folder / "_concepts.yaml", CONCEPTS))
    with pytest.raises(ContentError) as caught:
        load_rubric(dump(folder / "q.yaml", changed(rubric(), path, value)), concepts)
    said = str(caught.value)
    assert f" {key}: " in said.split("\n")[0]
    assert message in said
    assert "\n" in said, "and a remedy"


def test_a_rubric_is_read(folder: Path) -> None:
    concepts = load_concepts(dump(folder / "_concepts.yaml", CONCEPTS))
    found = load_rubric(dump(folder / "q.yaml", rubric()), concepts)
    assert found.id == "q"
    assert found.subjects == {"net": ("network", "网络")}
    assert found.points[0].terms == ((("@smaller",), ("file", "文件")),)
    assert found.misconceptions[0].contradicts == ("size",)
    assert (found.tests[0].low, found.tests[0].high) == (0.6, 1.0)
    assert concepts["larger"].opposite == "smaller", "an opposite goes both ways"


def test_a_bank_finds_questions_by_what_people_type(folder: Path) -> None:
    dump(folder / "questions.yaml", {"gpt-3": QUESTION, "gan": QUESTION, "gan-text": QUESTION})
    bank = Bank([folder])
    assert bank.resolve("GPT 3") == "gpt-3"
    assert bank.resolve("gpt_3") == "gpt-3"
    assert bank.resolve("gp") == "gpt-3"
    assert bank.resolve("gan") == "gan"
    with pytest.raises(UnknownName, match="could be gan, gan-text"):
        bank.resolve("ga")
    with pytest.raises(UnknownName, match="there is no question 'bert'"):
        bank.resolve("bert")
    assert bank.rubric("gan") is None


def test_one_id_in_two_roots_is_an_error(folder: Path) -> None:
    for name in ("one", "two"):
        dump(folder / name / "questions.yaml", {"q": QUESTION})
    with pytest.raises(ContentError, match="'q' is also in"):
        _ = Bank([folder / "one", folder / "two"]).questions


# ------------------------------------------------------------------ the kit's own questions

NINE = (
    "pretraining-vs-finetuning",
    "self-attention",
    "multimodal-learning",
    "gan",
    "quantization",
    "sparsity",
    "bert-structure",
    "gpt-3",
    "multimodal-algorithm",
)


def test_the_nine_of_the_blog_and_what_is_asked_next() -> None:
    questions = Bank([builtin_root()]).questions
    assert len(questions) >= 36
    for number, id in enumerate(NINE, start=1):
        assert questions[id].blog == number
        assert sum(question.blog == number for question in questions.values()) >= 3
        assert questions[id].follow_ups


def test_every_question_has_a_rubric_and_every_rubric_a_question() -> None:
    root = builtin_root()
    rubrics = {path.stem for path in (root / "solutions" / "questions").glob("[a-z]*.yaml")}
    assert rubrics == set(Bank([root]).questions)


def test_errata_stand_where_the_blog_is_wrong() -> None:
    questions = Bank([builtin_root()]).questions
    for id in ("gpt-3", "sparsity", "bert-structure", "gan", "multimodal-algorithm", "quantization"):
        assert questions[id].erratum is not None, id
    assert "175 billion" in questions["gpt-3"].erratum.en
    assert "1750 亿" in questions["gpt-3"].erratum.zh


def test_what_exercises_and_questions_name_of_each_other_is_there() -> None:
    from grader.content import Catalogue

    root = builtin_root()
    exercises, errors = Catalogue([root]).all()
    assert not errors
    questions = Bank([root]).questions
    known = {exercise.id for exercise in exercises}
    for question in questions.values():
        assert set(question.exercises) <= known, question.id
        assert question.topic in TOPICS
    for exercise in exercises:
        assert set(exercise.questions) <= set(questions), exercise.id
