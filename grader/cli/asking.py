"""`practice ask`: a question, an answer in the candidate's own words, and what it said, missed and got wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.common import Invocation, command_options
from grader.errors import PracticeError, Text, UsageError

if TYPE_CHECKING:
    from grader.answers.grade import Grade
    from grader.cli.terminal import Screen
    from grader.content.bank import Bank
    from grader.content.question import Question

MOST_BYTES = 1_000_000
_BAR = 20


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--answer-file", "-a", metavar="FILE|-", help="Read the answer from a file, or - for standard input.")
@click.option("--editor", is_flag=True, help="Write the answer in $EDITOR. 用 $EDITOR 作答。")
@click.option("--json", "as_json", is_flag=True, help="Print the grade as one JSON object.")
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
    if answer_file is not None:
        answer = _read(answer_file)
    else:
        _pose(invocation.out, question)
        answer = _edit(invocation, question) if editor else _type(invocation)
    grade = graded(invocation, bank, question, answer)
    _keep(invocation, grade, answer)
    if as_json:
        invocation.out.line(json.dumps(grade.to_json(invocation.spoken), ensure_ascii=False))
    else:
        show_grade(invocation, question, grade)
    return 0 if grade.outcome == "adequate" else 1


def graded(invocation: Invocation, bank: Bank, question: Question, answer: str) -> Grade:
    """An answer, graded by the question's rubric."""
    from grader.answers import grade

    rubric = bank.rubric(question.id)
    if rubric is None:
        from grader.content.place import shown

        raise PracticeError(
            Text(f"the question '{question.id}' has no rubric", f"问题 '{question.id}' 没有评分标准"),
            Text(
                f"its author adds {shown(Path('solutions/questions') / f'{question.id}.yaml')}; docs/questions.md says how",
                f"请作者补上 {shown(Path('solutions/questions') / f'{question.id}.yaml')}，写法见 docs/questions.md",
            ),
        )
    return grade(question, rubric, bank.concepts, answer)


# ------------------------------------------------------------------ the answer


def _pose(out: Screen, question: Question) -> None:
    out.paragraph(question.prompt, "strong")
    out.line()


def _type(invocation: Invocation) -> str:
    """Lines until the end of input, or a line that holds only a dot."""
    if sys.stdin.isatty():
        invocation.out.line(
            Text(
                "Your answer, in English or Chinese; end with Ctrl-D, or a line with a single dot:",
                "请作答，中英文均可；按 Ctrl-D 或单独一行输入一个点结束：",
            ),
            "dim",
        )
    lines = []
    for line in sys.stdin:
        if line.strip() in (".", "。") and sys.stdin.isatty():
            break
        lines.append(line)
    if sys.stdin.isatty():
        invocation.out.line()
    return "".join(lines)


def _edit(invocation: Invocation, question: Question) -> str:
    """What stands above the line of dashes when the editor is closed."""
    mark = "\n\n" + "-" * 60 + "\n"
    answer = click.edit(mark + invocation.out.say(question.prompt) + "\n", extension=".txt")
    return (answer or "").partition(mark.strip("\n"))[0]


def _read(name: str) -> str:
    if name == "-":
        data, shown_name = sys.stdin.buffer.read(MOST_BYTES + 1), "-"
    else:
        from grader.content.place import shown

        path = Path(name).expanduser()
        shown_name = shown(path)
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                Text(f"{shown_name}: cannot be read: {why}", f"{shown_name}：无法读取：{why}"),
                Text("write your answer there, or leave --answer-file out", "请把回答写在那里，或不加 --answer-file"),
            ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(
            Text(f"{shown_name}: is larger than an answer may be", f"{shown_name}：太大了，不像是一份回答"),
            Text("a few hundred words are plenty", "几百字就足够了"),
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            Text(f"{shown_name}: is not UTF-8", f"{shown_name}：不是 UTF-8 编码"),
            Text("save it as UTF-8", "请存为 UTF-8"),
        ) from None


# ------------------------------------------------------------------- the grade

_FLAGS = {
    "empty": Text("There is no answer here yet.", "这里还没有回答。"),
    "copied_question": Text(
        "This says the question again. Say it in your own words.", "这只是把问题又说了一遍，请用自己的话回答。"
    ),
    "keyword_list": Text(
        "These are keywords. Say in sentences what they have to do with each other.",
        "这是一串关键词。请用完整的句子说明它们之间的关系。",
    ),
    "instructions": Text(
        "This speaks to the grader. Only what it says about the question counts.",
        "这段话是写给评分程序的，只有与问题有关的内容才算数。",
    ),
    "off_topic": Text(
        "Nothing here was recognised as an answer to this question.", "没有在这里看到与这个问题有关的要点。"
    ),
    "too_long": Text("This is longer than an answer may be (20,000 characters).", "回答太长了（最多 20,000 个字符）。"),
}
_OUTCOMES = {
    "adequate": (Text("Adequate", "回答合格"), "good"),
    "partial": (Text("Partly there", "部分答到"), "warn"),
    "inadequate": (Text("Not there yet", "还没有答到"), "bad"),
}
_STATUSES = {
    "covered": ("✓", "+", "good"),
    "partial": ("~", "~", "warn"),
    "missing": ("·", "-", "dim"),
    "contradicted": ("✗", "x", "bad"),
}


def show_grade(invocation: Invocation, question: Question, grade: Grade, *, teach: bool = True) -> None:
    """The grade in words; `teach`: with the reference answer and what else there is to know."""
    out = invocation.out
    words, style = _OUTCOMES[grade.outcome]
    filled = round(grade.score * _BAR)
    bar = ("█" * filled + "░" * (_BAR - filled)) if out.carries("█░") else "#" * filled + "." * (_BAR - filled)
    out.line(f"{out.styled(words, style)}  {bar}  {grade.score:.0%}")
    for flag in grade.flags:
        out.paragraph(_FLAGS[flag], "warn")
    out.line()
    for point in grade.points:
        sign, plain, style = _STATUSES[point.status]
        head = out.styled(sign if out.carries(sign) else plain, style)
        if point.status in ("covered", "partial"):
            out.line(f"{head} {out.say(point.text)}")
            out.paragraph(_quoted(point.evidence), "dim", indent=4)
            if point.status == "partial":
                out.paragraph(point.hint, indent=4)
        elif point.status == "missing":
            out.line(f"{head} {out.say(Text('Not recognised: ', '没有看到：'))}{out.say(point.hint)}")
        else:
            out.line(f"{head} {out.say(point.text)}")
    for wrong in grade.wrong:
        out.line()
        out.line(Text("This is wrong:", "这里说错了："), "bad")
        out.paragraph(_quoted(wrong.quote), "dim", indent=4)
        out.paragraph(wrong.why, indent=4)
    if teach:
        _teach(invocation, question, grade)


def _teach(invocation: Invocation, question: Question, grade: Grade) -> None:
    out = invocation.out
    sections = [
        (Text("A good answer", "参考回答"), question.answer),
        (Text("Why, and what else", "解析"), question.explanation),
    ]
    if question.erratum:
        sections.append((Text("Where the blog is wrong", "原文勘误"), question.erratum))
    for title, text in sections:
        out.line()
        out.line(title, "strong")
        out.paragraph(text)
    out.line()
    out.line(Text("Sources", "参考文献"), "strong")
    for source in question.sources:
        out.paragraph(source, "dim", indent=2)
    out.line()
    missed = [point.id for point in grade.points if point.status != "covered"]
    if missed:
        said = invocation.command(f"ask {question.id} --dispute {missed[0]}")
        out.line(Text(f"You did say it? {said}", f"其实你说到了？{said}"), "dim")
    for id in question.follow_ups[:2]:
        out.line(
            Text(f"Asked next: {invocation.command(f'ask {id}')}", f"接着会问：{invocation.command(f'ask {id}')}"),
            "dim",
        )
    for id in question.exercises[:1]:
        out.line(
            Text(f"Code it: {invocation.command(f'run {id}')}", f"动手实现：{invocation.command(f'run {id}')}"), "dim"
        )


def _quoted(text: str) -> str:
    plain = " ".join(text.split())
    return f"“{plain}”" if plain else ""


# ----------------------------------------------------------------- the journal


def _keep(invocation: Invocation, grade: Grade, answer: str) -> None:
    """In the journal; where that cannot be, one line says so and the grade stands."""
    if "empty" in grade.flags:
        return
    try:
        invocation.journal.record_answer(
            grade.question,
            language=grade.language,
            text=answer,
            grade=grade.pack(),
            score=grade.score,
            outcome=grade.outcome,
        )
    except OSError as error:
        why = error.strerror or type(error).__name__
        invocation.err().warning(Text(f"The journal cannot be written: {why}", f"无法写入日志：{why}"))


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
