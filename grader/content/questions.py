"""questions.yaml, solutions/questions/<id>.yaml and solutions/questions/_concepts.yaml -> questions and rubrics.

The schemas are closed, as that of exercise.yaml is: docs/questions.md describes each key.
"""

from __future__ import annotations

import re
from pathlib import Path

from grader.content import fields
from grader.content.document import NO_ITEMS, Node, read_document
from grader.content.exercise import TOPICS
from grader.content.place import did_you_mean
from grader.content.question import KINDS, STATUSES, Concept, Misconception, Point, Question, Rubric, Terms, TestAnswer
from grader.content.schema import ID as EXERCISE_ID
from grader.content.schema import ID_IN_WORDS as EXERCISE_IN_WORDS
from grader.errors import LANGUAGES, Language, Text

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ID_IN_WORDS = Text(
    "an id such as self-attention: small letters, digits, hyphens",
    "像 self-attention 这样的 id：小写字母、数字和连字符",
)
_SOURCE = re.compile(r".{8,}", re.DOTALL)
_SOURCE_IN_WORDS = Text("authors, year, title and where it is to be found", "作者、年份、标题和出处")
_FOLDED = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])"
    r"|(?<=[，。；：！？、）》」]) | (?=[，。；：！？、（《「])"
)
CONCEPTS = "_concepts.yaml"
PHRASINGS = (6, 12)


def load_questions(path: Path) -> dict[str, Question]:
    """Every question of a questions.yaml, in its order. ContentError for whatever is wrong with the file."""
    nodes = fields.mapping(read_document(path)).entries
    for name, node in nodes.items():
        _id(name, node)
    return {name: _question(name, node, nodes) for name, node in nodes.items()}


def load_concepts(path: Path) -> dict[str, Concept]:
    """The words that mean the same, for all rubrics. ContentError for whatever is wrong with the file."""
    nodes = fields.mapping(read_document(path)).entries
    found, opposites = {}, {}
    for name, node in nodes.items():
        keys = fields.fields(_id(name, node), (), ("en", "zh", "opposite"))
        if "opposite" in keys:
            opposites[name] = _one_of(keys["opposite"], nodes)
            opposites.setdefault(opposites[name], name)
        found[name] = tuple(form for key in LANGUAGES if key in keys for form in _forms(keys[key]))
    return {name: Concept(name, forms, opposites.get(name)) for name, forms in found.items()}


def load_rubric(path: Path, concepts: dict[str, Concept]) -> Rubric:
    """The rubric of one question. ContentError for whatever is wrong with the file."""
    found = fields.fields(read_document(path), ("points", "misconceptions", "tests"), ("subjects",))
    subjects = {
        name: _alternatives(fields.text(_id(name, node)), node, concepts)
        for name, node in (fields.mapping(found["subjects"]).entries if "subjects" in found else {}).items()
    }
    nodes = fields.mapping(found["points"]).entries
    if not nodes:
        raise found["points"].place.error(
            Text("names no point", "没有写任何要点"), Text("write what an answer should say", "请写上回答应当说到什么")
        )
    points = tuple(_point(name, node, subjects, concepts) for name, node in nodes.items())
    if not any(point.required for point in points):
        raise found["points"].place.error(
            Text("no point is required", "没有必答的要点"),
            Text(
                "write `required: true` at what the shortest right answer says",
                "请在最短的正确回答也会说到的要点上写 `required: true`",
            ),
        )
    wrong = fields.mapping(found["misconceptions"]).entries
    misconceptions = tuple(_misconception(name, node, nodes, subjects, concepts) for name, node in wrong.items())
    tests = tuple(_test(node, nodes) for node in fields.items(found["tests"]))
    return Rubric(path.stem, subjects, points, misconceptions, tests)


def _id(name: str, node: Node) -> Node:
    if not ID.fullmatch(name):
        raise node.place.error(
            Text(f"'{name}' is not an id", f"'{name}' 不是 id"),
            Text(f"write {_ID_IN_WORDS.en}", f"请写{_ID_IN_WORDS.zh}"),
        )
    return node


def _question(name: str, node: Node, others: dict[str, Node]) -> Question:
    found = fields.fields(
        node,
        ("topic", "level", "blog", "prompt", "answer", "explanation", "sources"),
        ("erratum", "exercises", "follow_ups"),
    )
    follow_ups = fields.names(found.get("follow_ups", NO_ITEMS), ID, _ID_IN_WORDS)
    for item, follow_up in zip(fields.items(found.get("follow_ups", NO_ITEMS)), follow_ups, strict=True):
        if follow_up == name or follow_up not in others:
            raise _unknown(item, follow_up, [other for other in others if other != name])
    return Question(
        id=name,
        topic=fields.choice(found["topic"], TOPICS),
        level=fields.integer(found["level"], 1, 3),
        blog=fields.integer(found["blog"], 1, 9),
        prompt=_both(found["prompt"]),
        answer=_both(found["answer"]),
        explanation=_both(found["explanation"]),
        sources=fields.names(found["sources"], _SOURCE, _SOURCE_IN_WORDS, least=1),
        erratum=_both(found["erratum"]) if "erratum" in found else None,
        exercises=fields.names(found.get("exercises", NO_ITEMS), EXERCISE_ID, EXERCISE_IN_WORDS),
        follow_ups=follow_ups,
    )


def _both(node: Node) -> Text:
    found = fields.fields(node, LANGUAGES)
    return Text(fields.text(found["en"]), _chinese(fields.text(found["zh"])))


def _chinese(text: str) -> str:
    """Chinese as it is printed: YAML folds the lines of a long text with a space, which Chinese does not have."""
    return _FOLDED.sub("", text)


def _point(name: str, node: Node, subjects: dict[str, tuple[str, ...]], concepts: dict[str, Concept]) -> Point:
    found = fields.fields(_id(name, node), ("weight", "text", "hint", "terms", "phrasings"), ("required", "about"))
    return Point(
        id=name,
        weight=fields.number(found["weight"], 0.5, 10),
        required="required" in found and fields.choice(found["required"], ("true", "false")) == "true",
        about=_one_of(found["about"], subjects) if "about" in found else None,
        text=_both(found["text"]),
        hint=_both(found["hint"]),
        terms=tuple(_terms(each, concepts) for each in fields.items(found["terms"])),
        phrasings=_phrasings(found["phrasings"], *PHRASINGS),
    )


def _misconception(
    name: str, node: Node, points: dict[str, Node], subjects: dict[str, tuple[str, ...]], concepts: dict[str, Concept]
) -> Misconception:
    found = fields.fields(_id(name, node), ("contradicts", "correction", "terms", "wordings"), ("about",))
    contradicts = fields.names(found["contradicts"], ID, _ID_IN_WORDS)
    for item, point in zip(fields.items(found["contradicts"]), contradicts, strict=True):
        if point not in points:
            raise _unknown(item, point, list(points))
    return Misconception(
        id=name,
        about=_one_of(found["about"], subjects) if "about" in found else None,
        contradicts=contradicts,
        correction=_both(found["correction"]),
        terms=tuple(_terms(each, concepts) for each in fields.items(found["terms"])),
        wordings=_phrasings(found["wordings"], 1, 20),
    )


def _phrasings(node: Node, least: int, most: int) -> dict[Language, tuple[str, ...]]:
    found = fields.fields(node, LANGUAGES)
    for each in found.values():
        count = len(fields.items(each))
        if not least <= count <= most:
            raise each.place.error(
                Text(f"has {count} of them, needs {least} to {most}", f"有 {count} 条，应有 {least} 到 {most} 条"),
                Text("say it in other words, as other people would", "请换几种说法，像不同的人会说的那样"),
            )
    return {language: tuple(fields.text(each) for each in fields.items(found[language])) for language in LANGUAGES}


def _terms(node: Node, concepts: dict[str, Concept]) -> Terms:
    return tuple(_alternatives(group, node, concepts) for group in fields.text(node).split("&"))


def _alternatives(text: str, node: Node, concepts: dict[str, Concept]) -> tuple[str, ...]:
    forms = tuple(form.strip() for form in text.split("|"))
    if not all(forms):
        raise node.place.error(
            Text("a term is empty", "有一个词是空的"),
            Text("write `a | b & c`: (a or b) and c", "请写成 `a | b & c`：(a 或 b) 且 c"),
        )
    for form in forms:
        if form.startswith("@") and form[1:] not in concepts:
            remedy = Text(f"add it to {CONCEPTS}, or write the words", f"请在 {CONCEPTS} 里添加，或直接写词")
            raise node.place.error(
                Text(f"no concept is called '{form}'", f"没有叫 '{form}' 的概念"),
                did_you_mean(form[1:], list(concepts), remedy),
            )
    return forms


def _forms(node: Node) -> tuple[str, ...]:
    return tuple(fields.text(each) for each in fields.items(node))


def _test(node: Node, points: dict[str, Node]) -> TestAnswer:
    found = fields.fields(node, ("kind", "language", "answer", "score"), ("points",))
    bounds = [fields.number(each, 0, 1) for each in fields.items(found["score"])]
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise found["score"].place.error(
            Text("is not a range", "不是一个范围"),
            Text("write [lowest, highest], such as [0.6, 1]", "请写成 [最低, 最高]，例如 [0.6, 1]"),
        )
    statuses = fields.mapping(found["points"]).entries if "points" in found else {}
    for name, each in statuses.items():
        if name not in points:
            raise _unknown(each, name, list(points))
    return TestAnswer(
        kind=fields.choice(found["kind"], KINDS),
        language=fields.choice(found["language"], LANGUAGES),
        answer=fields.text(found["answer"]),
        low=bounds[0],
        high=bounds[1],
        points={name: fields.choice(each, STATUSES) for name, each in statuses.items()},
    )


def _one_of(node: Node, known: dict[str, Node] | dict[str, tuple[str, ...]] | dict[str, Concept]) -> str:
    name = fields.text(node)
    if name not in known:
        raise _unknown(node, name, list(known))
    return name


def _unknown(node: Node, name: str, known: list[str]) -> Exception:
    names = ", ".join(known) or "-"
    return node.place.error(
        Text(f"'{name}' is not known here", f"这里没有 '{name}'"),
        did_you_mean(name, known, Text(f"known are: {names}", f"可用的有：{names}")),
    )


__all__ = ["CONCEPTS", "load_concepts", "load_questions", "load_rubric"]
