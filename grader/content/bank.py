"""The questions of one or more content roots, with their rubrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from grader.content.place import Place, did_you_mean, shown
from grader.content.question import Concept, Question, Rubric
from grader.content.questions import CONCEPTS, load_concepts, load_questions, load_rubric
from grader.errors import Text, UnknownName

QUESTIONS = "questions.yaml"
RUBRICS = Path("solutions") / "questions"


class Bank:
    """The questions below `roots`, in the order of their files. A root need not have any."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._homes: dict[str, Path] = {}

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Every question by its id. ContentError for whatever is wrong with a questions.yaml."""
        found: dict[str, Question] = {}
        for root in self._roots:
            file = root / QUESTIONS
            if not file.is_file():
                continue
            for id, question in load_questions(file).items():
                if id in found:
                    first = shown(self._homes[id] / QUESTIONS)
                    raise Place(file).error(
                        Text(f"'{id}' is also in {first}", f"'{id}' 也出现在 {first}"),
                        Text("rename one of the two", "请给其中一个改名"),
                    )
                found[id] = question
                self._homes[id] = root
        return found

    @cached_property
    def concepts(self) -> dict[str, Concept]:
        """The concepts of all roots; those of a later root come beside those of an earlier one."""
        found: dict[str, Concept] = {}
        for root in self._roots:
            file = root / RUBRICS / CONCEPTS
            if file.is_file():
                found |= load_concepts(file)
        return found

    def off_topic(self, id: str) -> list[Question]:
        """The leading questions on other matters: their answers are none to this one."""
        follow_ups = {name for question in self.questions.values() for name in question.follow_ups}
        asked = self.questions[id]
        return [
            question
            for name, question in self.questions.items()
            if name not in follow_ups and question.blog != asked.blog
        ]

    def resolve(self, name: str) -> str:
        """The id that was meant: 'GPT 3' and 'gpt_3' are gpt-3. UnknownName."""
        plain = re.sub(r"[_\s]+", "-", name.strip().lower())
        if plain in self.questions:
            return plain
        matches = [id for id in self.questions if plain and id.startswith(plain)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(matches)
            raise UnknownName(
                Text(f"'{name}' could be {names}", f"'{name}' 可能是 {names}"),
                Text("write more of the name", "请把名字写全一些"),
            )
        raise UnknownName(
            Text(f"there is no question '{name}'", f"没有问题 '{name}'"),
            did_you_mean(
                plain,
                list(self.questions),
                Text("`practice ask --list` shows all", "`practice ask --list` 列出全部问题"),
            ),
        )

    def rubric(self, id: str) -> Rubric | None:
        """The rubric of a question; None where its author has written none. ContentError when it is wrong."""
        assert id in self.questions
        path = self._homes[id] / RUBRICS / f"{id}.yaml"
        return load_rubric(path, self.concepts) if path.is_file() else None
