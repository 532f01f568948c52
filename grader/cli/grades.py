"""The grade of an answer as a candidate reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.cli.common import Invocation
from grader.errors import Text

if TYPE_CHECKING:
    from grader.answers.result import Flag, Grade
    from grader.content.question import Question

_BAR = 20
FLAGS: dict[Flag, Text] = {
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
        out.paragraph(FLAGS[flag], "warn")
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
