"""`practice ask`: a question, an answer in the candidate's own words, and what it said, missed and got wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from grader.cli.answering import edited, graded, keep, pose, read_answer, typed
from grader.cli.common import Invocation, command_options
from grader.cli.recognising import wished
from grader.errors import Text, UsageError

if TYPE_CHECKING:
    from grader.content.bank import Bank


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--answer-file", "-a", metavar="FILE|-", help="Read the answer from a file, or - for standard input.")
@click.option("--editor", is_flag=True, help="Write the answer in $EDITOR. 用 $EDITOR 作答。")
@click.option("--json", "as_json", is_flag=True, help="Print the grade as one JSON object.")
@click.option("--semantic", is_flag=True, help="Recognise points by embeddings as well. 同时用语义向量识别要点。")
@click.option("--judge", is_flag=True, help="Let a language model recognise points. 让大模型识别要点。")
@click.option("--list", "listing", is_flag=True, help="All questions by topic. 列出全部问题。")
@click.option(
    "--dispute", metavar="POINT", help="Of your last answer: count this point as covered. 申请把某个要点算作已答。"
)
@command_options
def ask(
    name: str | None,
    answer_file: str | None,
    editor: bool,
    as_json: bool,
    semantic: bool,
    judge: bool,
    listing: bool,
    dispute: str | None,
    invocation: Invocation,
) -> int:
    """Be asked a question, answer in your own words, and see what counted. 回答问题，看看说到了哪些要点。

    Without ID: what is due, else the next that you have not been asked. Exit status 0: adequate, 1: not yet, 2: wrong
    usage or unreadable input.
    """
    bank = invocation.bank
    if listing:
        return _list(invocation, bank)
    id = bank.resolve(name) if name else _next(invocation, bank)
    if dispute is not None:
        return _dispute(invocation, bank, id, dispute)
    if as_json and answer_file is None:
        raise UsageError(
            Text("--json needs --answer-file", "--json 需要和 --answer-file 一起用"),
            Text("`--answer-file -` reads standard input", "`--answer-file -` 从标准输入读取"),
        )
    question = bank.questions[id]
    recogniser = wished(invocation, semantic=semantic, judge=judge)
    if answer_file is not None:
        answer = read_answer(answer_file)
    else:
        pose(invocation.out, question)
        answer = edited(invocation, question) if editor else typed(invocation)
    grade = graded(bank, question, answer, recogniser)
    keep(invocation, grade, answer)
    if as_json:
        invocation.out.line(json.dumps(grade.to_json(invocation.spoken), ensure_ascii=False))
    else:
        from grader.cli.grades import show_grade

        show_grade(invocation, question, grade)
    return 0 if grade.outcome == "adequate" else 1


def _dispute(invocation: Invocation, bank: Bank, id: str, point: str) -> int:
    answers = invocation.journal.answers(id)
    if not answers:
        raise UsageError(
            Text(f"you have not answered '{id}' yet", f"你还没有回答过 '{id}'"),
            Text(f"answer it first: {invocation.command(f'ask {id}')}", f"请先作答：{invocation.command(f'ask {id}')}"),
        )
    rubric = bank.rubric(id)
    known = [each.id for each in rubric.points] if rubric else []
    if point not in known:
        from grader.content.place import did_you_mean

        names = ", ".join(known)
        raise UsageError(
            Text(f"'{id}' has no point '{point}'", f"'{id}' 没有要点 '{point}'"),
            did_you_mean(point, known, Text(f"its points: {names}", f"它的要点：{names}")),
        )
    try:
        invocation.journal.dispute(answers[-1], point)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(Text(f"the journal cannot be written: {why}", f"无法写入日志：{why}")) from None
    invocation.out.line(
        Text(
            f"Kept: you say that your last answer has '{point}'. Its author sees it in `practice journal export`.",
            f"已记下：你认为上一次回答说到了 '{point}'；作者可以用 `practice journal export` 看到。",
        )
    )
    return 0


# ------------------------------------------------------------------- the choice


def _next(invocation: Invocation, bank: Bank) -> str:
    """What is due, else the first that was never answered, else the one answered longest ago."""
    if not bank.questions:
        raise UsageError(
            Text("there are no questions", "没有任何问题"), Text("add a questions.yaml", "请添加 questions.yaml")
        )
    answered: dict[str, object] = {}
    if invocation.journal.begun:
        for card in invocation.journal.due():
            if card.kind == "question" and card.subject in bank.questions:
                return card.subject
        for answer in invocation.journal.answers():
            answered.pop(answer.question, None)
            answered[answer.question] = answer
    fresh = [id for id in bank.questions if id not in answered]
    return fresh[0] if fresh else next(id for id in answered if id in bank.questions)


def _list(invocation: Invocation, bank: Bank) -> int:
    from grader.cli.terminal import padded, shortened
    from grader.content.exercise import TOPICS

    out = invocation.out
    best: dict[str, float] = {}
    if invocation.journal.begun:
        for answer in invocation.journal.answers():
            best[answer.question] = max(answer.score, best.get(answer.question, 0.0))
    width = max((len(id) for id in bank.questions), default=0)
    room = max((out.width or 10_000) - width - 16, 20)
    for topic in TOPICS:
        asked = [question for question in bank.questions.values() if question.topic == topic]
        if not asked:
            continue
        out.line(topic, "strong")
        for question in asked:
            score = f"{best[question.id]:4.0%}" if question.id in best else "   -"
            level = ("★" if out.carries("★") else "*") * question.level
            prompt = shortened(out.say(question.prompt), room)
            out.line(f"{score}  {padded(level, 3)}  {padded(question.id, width)}  {prompt}", indent=2)
    return 0
