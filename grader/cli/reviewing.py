"""What is known and what is due: `practice review`, and its part of `practice`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from grader.cli.common import Invocation
from grader.cli.terminal import padded, shortened
from grader.content.exercise import Exercise, Topic
from grader.content.question import Question
from grader.errors import ContentError, Text
from grader.journal.entries import now
from grader.journal.schedule import Card, due_today

_TITLE = 40


@dataclass(frozen=True, slots=True)
class Mastery:
    """One topic: how much of it would be known today, and what there is."""

    topic: Topic
    share: float
    passed: int
    exercises: int
    answered: int
    questions: int


def questions(invocation: Invocation) -> dict[str, Question]:
    """Every question; none, and a line, where a file of theirs is wrong."""
    try:
        return invocation.bank.questions
    except ContentError as error:
        invocation.warn_of([error])
        return {}


def mastery(
    cards: Iterable[Card], exercises: Iterable[Exercise], asked: Iterable[Question], at: datetime
) -> list[Mastery]:
    """Each topic that there is something of, in the order of the topics."""
    from grader.content.exercise import TOPICS

    known: dict[tuple[str, str], float] = {(card.kind, card.subject): card.score * card.recall(at) for card in cards}
    found = []
    for topic in TOPICS:
        todo = [("exercise", one.id) for one in exercises if one.topic == topic]
        talk = [("question", one.id) for one in asked if one.topic == topic]
        if todo or talk:
            share = sum(known.get(key, 0.0) for key in (*todo, *talk)) / (len(todo) + len(talk))
            passed, answered = (sum(key in known for key in keys) for keys in (todo, talk))
            found.append(Mastery(topic, share, passed, len(todo), answered, len(talk)))
    return found


def show_due(invocation: Invocation) -> int:
    """One line for each, the most forgotten first, with the command that leads to it."""
    out, journal = invocation.out, invocation.journal
    titles = _titles(invocation)
    cards = [card for card in (journal.cards() if journal.begun else []) if (card.kind, card.subject) in titles]
    due = due_today(cards, now())
    if not due:
        _nothing_due(invocation, cards)
        return 0
    out.line(due_in_words(due), "strong")
    for card in due:
        title = padded(shortened(out.say(titles[card.kind, card.subject]), _TITLE), _TITLE)
        out.line(f"{title}  {_command(invocation, card)}", indent=2)
    if any(card.kind == "exercise" and invocation.workspace.started(card.subject) for card in due):
        out.line(
            Text(
                "An exercise is done again from its stub; `practice reset` keeps what you have.",
                "复习练习要从模板重新写起；`practice reset` 会备份你现在的代码。",
            ),
            "dim",
        )
    return 0


def due_in_words(due: Iterable[Card]) -> Text:
    """How much of each kind."""
    kinds = [card.kind for card in due]
    q, e = kinds.count("question"), kinds.count("exercise")
    en = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((q, "question"), (e, "exercise")) if count]
    zh = [f"{count} 道{word}" for count, word in ((q, "问答题"), (e, "编程练习")) if count]
    return Text(f"Due today: {', '.join(en)}", f"今天该复习：{'、'.join(zh)}")


def _titles(invocation: Invocation) -> dict[tuple[str, str], Text]:
    """Everything that could be asked for again."""
    exercises, errors = invocation.catalogue.all()
    invocation.warn_of(errors)
    found = {("exercise", one.id): one.title for one in exercises}
    return found | {("question", one.id): one.prompt for one in questions(invocation).values()}


def _command(invocation: Invocation, card: Card) -> str:
    if card.kind == "question":
        return invocation.command(f"ask {card.subject}")
    again = invocation.workspace.started(card.subject)
    return invocation.command(f"reset {card.subject}" if again else f"run {card.subject}")


def _nothing_due(invocation: Invocation, cards: list[Card]) -> None:
    out, run = invocation.out, invocation.command("run")
    if not cards:
        out.line(
            Text(
                "Nothing to review yet: what you pass and what you answer comes back here.",
                "还没有要复习的内容：通过的练习和回答过的问题会按时出现在这里。",
            )
        )
    else:
        next_day = min(card.due for card in cards).astimezone().strftime("%Y-%m-%d")
        out.line(Text(f"Nothing is due today; next on {next_day}.", f"今天没有要复习的；下一次是 {next_day}。"))
    out.line(Text(f"Something new: {run}", f"做新的：{run}"))
