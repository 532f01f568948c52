"""What strangers' bytes are given to, each as a function of bytes that may only refuse them in its own words.

Anything else that comes out, or a refusal in no words, is a finding. `SEEDS` are what each target takes: coverage is
found from there.
"""

from __future__ import annotations

import atexit
import json
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from grader.answers.endpoint import Failed, _content
from grader.content import Catalogue, Exercise, builtin_root, load_exercise
from grader.content.bank import Bank
from grader.content.questions import load_questions, load_rubric
from grader.course.course import Assignment, Course
from grader.course.handed import handed_in
from grader.course.notebooks import exercise_notebook, questions_notebook, written
from grader.errors import ContentError, PracticeError, WireError
from grader.exam.link import Link, Submitted
from grader.exam.remote import RemoteCandidate
from grader.exam.replies import checked
from grader.exam.supply import Supply
from grader.journal.entries import Answer, Note
from grader.journal.home import JournalError
from grader.journal.inbox import Inbox
from grader.journal.transfer import dumped, loaded
from grader.wire import Channel, Encoder, receive_message, send_message

ROOT = builtin_root()
EXERCISE = "self_attention"
MARK = "fuzz"
_PREFIX = struct.Struct("<4sIQ")
_WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@cache
def folder() -> Path:
    """For the files that targets read; gone with the process."""
    made = Path(tempfile.mkdtemp(prefix="practice-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def exercise() -> Exercise:
    return Catalogue([ROOT]).get(EXERCISE)


def refused(error: PracticeError) -> None:
    """In words of both languages, none of them a Python error's that nobody foresaw."""
    assert error.message.en
    assert error.message.zh


# ---------------------------------------------------------------------- the wire


def frames(data: bytes) -> None:
    """Bytes on the socket that an examiner reads."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data[: 1 << 16])
    channel = Channel(ours)
    try:
        while True:
            receive_message(channel, timeout=1.0)
    except WireError as error:
        refused(error)
    finally:
        channel.close()


REQUESTS: tuple[dict[str, Any], ...] = (
    {"op": "load", "seq": 7},
    {"op": "call", "seq": 7, "grad": True},
    {"op": "call", "seq": 7, "grad": True, "outline": True},
    {"op": "backward", "seq": 7, "inputs": [0], "parameters": [1]},
    {"op": "get", "seq": 7},
    *({"op": "module", "seq": 7, "do": what} for what in ("parameters", "buffers", "modules", "state_dict")),
)


class _Nowhere(Supply):
    """No worker is asked for."""

    def __init__(self) -> None:
        pass


def replies(data: bytes) -> None:
    """A whole frame, its header before the first NUL and its body behind, as the reply to each kind of request."""
    header, _, body = data.partition(b"\0")
    link = Link(_Nowhere(), exercise(), Submitted("", "attempt.py"))
    RemoteCandidate(link)  # gives the link its decoders
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(_PREFIX.pack(b"PRK1", len(header), len(body)) + header + body)
    channel = Channel(ours)
    try:
        claim, _ = receive_message(channel, special=link._decoders, timeout=1.0)
        for request in REQUESTS:
            try:
                _follow(link, checked(request, claim))
            except WireError as error:
                refused(error)
    except WireError as error:
        refused(error)
    finally:
        channel.close()


def _follow(link: Link, reply: dict[str, Any]) -> None:
    """What an examiner does with the parts before a check sees them."""
    if "linked" in reply:
        link._follow(reply["linked"])
    if "parameter" in reply:
        link.mirror(*reply["parameter"])
    for _, *outline in reply.get("parameters", ()):
        link.outlined(*outline)


def _frame(message: dict[str, Any]) -> tuple[bytes, bytes]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_message(Channel(ours), message, encoder=Encoder(), timeout=5)
        theirs.settimeout(5)
        sent = theirs.recv(1 << 20)
    _, header, _ = _PREFIX.unpack_from(sent)
    return sent[_PREFIX.size : _PREFIX.size + header], sent[_PREFIX.size + header :]


def _messages() -> Iterator[dict[str, Any]]:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    shared = torch.arange(6.0)
    yield {"seq": 7, "problems": [{"kind": "missing", "entry": "f", "near": "g"}]}
    yield {"seq": 7, "value": torch.ones(2, 3, requires_grad=True), "graph": 1, "rng": True, "output": "said"}
    yield {"seq": 7, "value": [torch.ones(2, dtype=torch.bfloat16), None, (1, 2.5, "x", b"y", {1: True}, {3, 4})]}
    yield {"seq": 7, "value": [shared, shared[2:], shared.view(2, 3).T], "generators": [torch.Generator()]}
    yield {"seq": 7, "parameter": (1, True, weight), "changed": ["args[0][1]", 'kwargs["mask"]']}
    yield {"seq": 7, "raised": {"type": "E", "kinds": ["E"], "message": "m", "frames": [(1, "f", "x")], "banned": ""}}
    yield {"seq": 7, "linked": [{"module": -1, "training": True, "parameters": {"weight": (True, weight)}}]}
    yield {"seq": 7, "value": {"weight": torch.ones(1, dtype=torch.complex64), "b": torch.Size([2]), "d": torch.int8}}
    outline = [("weight", 1, True, torch.float32, (2, 2)), ("bias", 2, False, torch.int64, ())]
    yield {"seq": 7, "value": torch.ones(2), "graph": 1, "parameters": outline}
    yield {"seq": 7, "value": [("weight", (1, False, torch.ones(0, 3)))]}


def _wire_seeds(*, whole: bool) -> list[bytes]:
    made = []
    for message in _messages():
        header, body = _frame(message)
        made.append(_PREFIX.pack(b"PRK1", len(header), len(body)) + header + body if whole else header + b"\0" + body)
    return made


# ---------------------------------------------------------------------- content


def _file(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


def exercises(data: bytes) -> None:
    """exercise.yaml of somebody's own exercise."""
    home = folder() / "content"
    if not home.exists():
        for half in ("exercises", "solutions"):
            shutil.copytree(ROOT / half / EXERCISE, home / half / EXERCISE)
    (home / "exercises" / EXERCISE / "exercise.yaml").write_bytes(data)
    try:
        load_exercise(home / "exercises" / EXERCISE, home / "solutions" / EXERCISE)
    except ContentError as error:
        refused(error)


def questions(data: bytes) -> None:
    """A questions.yaml."""
    try:
        load_questions(_file("questions.yaml", data))
    except ContentError as error:
        refused(error)


@cache
def bank() -> Bank:
    return Bank([ROOT])


def rubrics(data: bytes) -> None:
    """The rubric of one question."""
    try:
        load_rubric(_file("gan.yaml", data), bank().concepts)
    except ContentError as error:
        refused(error)


# ------------------------------------------------- the journal, judges, notebooks


def journal(data: bytes) -> None:
    """An exported journal, and the same bytes as one waiting entry of the inbox."""
    try:
        loaded(data.decode("utf-8", "replace"), "journal.json")
    except JournalError as error:
        refused(error)
    inbox = folder() / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / "0000000000000000001.hint.gan..00000000-0000-4000-8000-000000000000.json").write_bytes(data)
    list(Inbox(inbox).entries())


def judge(data: bytes) -> None:
    """What a server says is a chat completion."""
    try:
        _content(data)
    except Failed as error:
        assert error.why.en  # noqa: PT017 - a refusal in words is what is wanted


@cache
def course() -> Course:
    released = folder() / "course" / "release" / "one"
    released.mkdir(parents=True)
    for name, data in zip((EXERCISE, "questions"), _notebook_seeds(), strict=True):
        (released / f"{name}.ipynb").write_bytes(data)
    return Course(folder() / "course", (ROOT,), {"one": Assignment("one", (EXERCISE,), ("gan",))})


def notebooks(data: bytes) -> None:
    """Both notebooks of a submission: it becomes parts and notes, whatever it is."""
    submitted = folder() / "course" / "submitted" / "ada" / "one"
    submitted.mkdir(parents=True, exist_ok=True)
    for name in (EXERCISE, "questions"):
        (submitted / f"{name}.ipynb").write_bytes(data)
    handed = handed_in(submitted, course(), course().assignments["one"])
    assert [each.part for each in handed] == [EXERCISE, "gan"]
    for each in handed:
        json.dumps([[note.text.en, note.text.zh] for note in each.notes]).encode()
        if each.source is not None:
            each.source.encode()  # it goes to a daemon, and to a database


def _journal_seeds() -> list[bytes]:
    id = "0b6c0000-0000-4000-8000-00000000000{}"
    entries = [
        Note(id.format(1), _WHEN, "hint", EXERCISE),
        Answer(id.format(2), _WHEN, "gan", "en", "two networks", 0.5, "partial", {"score": 0.5}),
    ]
    entry = {"format": 1, "table": "notes", "entry": {**entries[0]._asdict(), "time": _WHEN.isoformat()}}
    return [dumped(entries).encode(), json.dumps(entry).encode()]


def _notebook_seeds() -> list[bytes]:
    points = dict.fromkeys(exercise().checks, 1.0)
    made = [exercise_notebook(exercise(), points), questions_notebook([bank().questions["gan"]])]
    return [written(one).encode() for one in made]


Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {
    "frames": frames,
    "replies": replies,
    "exercises": exercises,
    "questions": questions,
    "rubrics": rubrics,
    "journal": journal,
    "judge": judge,
    "notebooks": notebooks,
}
SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "frames": lambda: _wire_seeds(whole=True),
    "replies": lambda: _wire_seeds(whole=False),
    "exercises": lambda: [path.read_bytes() for path in sorted(ROOT.glob("exercises/*/exercise.yaml"))],
    "questions": lambda: [(ROOT / "questions.yaml").read_bytes()[:4000].rpartition(b"\n\n")[0] + b"\n"],
    "rubrics": lambda: [(ROOT / "solutions/questions/gan.yaml").read_bytes()],
    "journal": _journal_seeds,
    "judge": lambda: [b'{"choices": [{"message": {"content": "{}"}}]}', b'{"choices": []}'],
    "notebooks": _notebook_seeds,
}
# The modules whose branches are watched, beside the target itself.
WATCHED = (
    "grader.wire", "grader.exam.replies", "grader.exam.link", "grader.exam.remote", "grader.content", "grader.journal",
    "grader.answers.endpoint", "grader.course",
)  # fmt: skip
