"""`practice` and `practice list`: where a candidate stands, and what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.cli.common import Invocation
from grader.cli.progress import Progress, State, next_open, progress
from grader.cli.terminal import Screen, cells, padded
from grader.content import TOPICS, Exercise, Topic, learning_order
from grader.errors import Text
from grader.journal import Attempt, JournalError

if TYPE_CHECKING:
    from grader.cli.reviewing import Mastery

TOPIC_NAMES: dict[Topic, Text] = {
    "attention": Text("attention", "注意力"),
    "pretraining": Text("pretraining", "预训练"),
    "multimodal": Text("multimodal", "多模态"),
    "generation": Text("generation", "生成"),
    "quantization": Text("quantization", "量化"),
    "sparsity": Text("sparsity", "稀疏"),
    "bert": Text("BERT", "BERT"),
    "gpt": Text("GPT", "GPT"),
}
STATES: dict[State, Text] = {
    "passed": Text("passed", "已通过"),
    "started": Text("started", "进行中"),
    "open": Text("open", "未开始"),
}
SIGNS: dict[State, str] = {"passed": "●", "started": "◐", "open": "○"}
COLOURS: dict[State, str] = {"passed": "good", "started": "warn", "open": "dim"}


def overview(invocation: Invocation) -> int:
    """Counts, the last attempt, and the one command to type next."""
    exercises, errors = invocation.catalogue.all()
    invocation.warn_of(errors)
    standing = progress((exercise.id for exercise in exercises), invocation.workspace, invocation.journal)
    out = invocation.out
    if not invocation.workspace.exists and not invocation.journal.begun:
        _welcome(invocation, len(exercises))
        return 0
    counts = [(standing.count(state), STATES[state]) for state in STATES]
    out.line(
        Text(" · ".join(f"{n} {name.en}" for n, name in counts), " · ".join(f"{name.zh} {n}" for n, name in counts)),
        "strong",
    )
    last = invocation.journal.last()
    if last is not None:
        _last(out, last)
    if invocation.journal.begun:
        _known(invocation, exercises)
    _next(invocation, exercises, standing)
    return 0


def _known(invocation: Invocation, exercises: list[Exercise]) -> None:
    """Days in a row, what is known by topic, what is due. Without the database there is a line instead."""
    from grader.cli.reviewing import due_in_words, mastery, questions
    from grader.journal.entries import now
    from grader.journal.schedule import due_today

    out, journal = invocation.out, invocation.journal
    try:
        streak, cards = journal.streak(), journal.cards()
    except JournalError as error:
        invocation.err().warning(error.message)
        return
    if streak:
        out.line(Text(f"{streak} day{'' if streak == 1 else 's'} in a row", f"连续 {streak} 天"))
    asked = questions(invocation)
    known = {("exercise", one.id) for one in exercises} | {("question", id) for id in asked}
    if cards := [card for card in cards if (card.kind, card.subject) in known]:
        _mastery(out, mastery(cards, exercises, asked.values(), now()))
    if due := due_today(cards, now()):
        words, review = due_in_words(due), invocation.command("review")
        out.line(Text(f"{words.en}: {review}", f"{words.zh}：{review}"))


def _mastery(out: Screen, topics: list[Mastery]) -> None:
    """A line for each topic: what would still be known today, of everything that there is."""
    out.line()
    width = max(cells(out.say(TOPIC_NAMES[one.topic])) for one in topics)
    for one in topics:
        exercises = Text(f"{one.passed}/{one.exercises} exercises", f"练习 {one.passed}/{one.exercises}")
        questions = Text(f"{one.answered}/{one.questions} questions", f"问答 {one.answered}/{one.questions}")
        parts = [text for text, count in ((exercises, one.exercises), (questions, one.questions)) if count]
        bar = f"{_bar(one.share)}  " if out.terminal and out.carries(_bar(0.5)) else ""
        name = padded(out.say(TOPIC_NAMES[one.topic]), width)
        out.line(f"{name}  {bar}{one.share:>4.0%}  {' · '.join(out.say(part) for part in parts)}", indent=2)
    out.line()


def _bar(share: float) -> str:
    full = round(10 * share)
    return "█" * full + "░" * (10 - full)


def _welcome(invocation: Invocation, count: int) -> None:
    out = invocation.out
    exercises_en = "one exercise" if count == 1 else f"{count} exercises"
    out.line(
        Text(
            f"{exercises_en.capitalize()} on language models; nothing begun in this folder. Type:",
            f"{count} 个大语言模型练习；这个文件夹里还没有开始。请输入：",
        )
    )
    out.line(invocation.command("run"), "strong", indent=2)


def _last(out: Screen, last: Attempt) -> None:
    when = moment(last)
    points = f"{last.points:g}/{last.max_points:g}"
    how = Text("passed", "已通过") if last.outcome == "passed" else Text("not passed", "未通过")
    out.line(
        Text(
            f"Last: {last.exercise}, {how.en}, {points} points, {when}",
            f"上次：{last.exercise}，{how.zh}，{points} 分，{when}",
        )
    )


def moment(attempt: Attempt) -> str:
    """When it was, by the user's clock."""
    return attempt.time.astimezone().strftime("%Y-%m-%d %H:%M")


def _next(invocation: Invocation, exercises: list[Exercise], standing: Progress) -> None:
    out = invocation.out
    if standing.unfinished:
        run = invocation.command(f"run {standing.unfinished[0]}")
        out.line(Text(f"Go on: {run}", f"继续：{run}"))
        return
    following = next_open(exercises, standing)
    if following is None:
        out.line(Text("Every exercise is passed.", "所有练习都已通过。"), "good")
    else:
        run = invocation.command(f"run {following.id}")
        out.line(Text(f"Next: {run}", f"下一个：{run}"))


def list_exercises(invocation: Invocation) -> int:
    """All exercises by topic, in the order of learning."""
    exercises, errors = invocation.catalogue.all()
    standing = progress((exercise.id for exercise in exercises), invocation.workspace, invocation.journal)
    ordered = learning_order(exercises)
    widths = _widths(invocation.out, ordered)
    for number, topic in enumerate(topic for topic in TOPICS if any(one.topic == topic for one in ordered)):
        if number:
            invocation.out.line()
        invocation.out.line(TOPIC_NAMES[topic], "strong")
        for exercise in ordered:
            if exercise.topic == topic:
                _row(invocation.out, exercise, standing.states[exercise.id], widths)
    invocation.warn_of(errors)
    return 0


def _widths(out: Screen, exercises: list[Exercise]) -> tuple[int, int]:
    """Columns that the ids and the titles take."""
    ids = max((cells(one.id) for one in exercises), default=0)
    return ids, max((cells(out.say(one.title)) for one in exercises), default=0)


def _row(out: Screen, exercise: Exercise, state: State, widths: tuple[int, int]) -> None:
    signs = out.terminal and out.carries("".join(SIGNS.values()))
    word = max(cells(out.say(name)) for name in STATES.values())
    mark = out.styled(SIGNS[state], COLOURS[state]) if signs else padded(out.say(STATES[state]), word)
    id, title = padded(exercise.id, widths[0]), padded(out.say(exercise.title), widths[1])
    out.line(
        Text(
            f"{mark}  {id}  {title}  level {exercise.level}  {exercise.minutes:>3} min",
            f"{mark}  {id}  {title}  难度 {exercise.level}  {exercise.minutes:>3} 分钟",
        ),
        indent=2,
    )
