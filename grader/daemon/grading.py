"""What an examiner does with a request: content, submission, verdict, as events for the client."""

from __future__ import annotations

import contextlib
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.confine.readable import check as check_readable
from grader.confine.readable import default_readable
from grader.content import builtin_root
from grader.daemon.protocol import Event
from grader.errors import GraderFault, PracticeError, Text, UsageError, out_of_means

# torch and pytest are imported when the host warms up, after it has started the nursery.
if TYPE_CHECKING:
    from grader.content import Exercise
    from grader.daemon.record import Record
    from grader.exam.supply import Supply


def start_supply() -> Supply:
    from grader.exam.supply import Supply

    return Supply(forbidden=[builtin_root() / "exercises", builtin_root() / "solutions"])


def answer(
    request: Event,
    supply: Any,
    tell: Any,
    exercise: Exercise | None = None,
    processor: int | None = None,
    record: Record | None = None,
) -> Event:
    """The last event for a request: a verdict, or what is wrong. `exercise` is what `load_content` made of it,
    `processor` the one to work on, `record` keeps what is found on the way. Limits this
    process for good: it is the examiner's.
    """
    from grader.content import Catalogue
    from grader.exam.examine import examine
    from grader.exam.link import Submitted
    from grader.exam.patience import limit_this_process
    from grader.verdict import pack

    def keep(event: Event) -> None:
        if record is not None:
            record.keep(event)

    def tell_and_keep(event: Event) -> None:
        keep(event)
        tell(event)

    limit_this_process()
    try:
        roots = [Path(root) for root in request["roots"]]
        _refuse_readable(roots)
        exercise = exercise or Catalogue(roots).get(request["exercise"])
        verdict = examine(
            exercise,
            Submitted(request["source"], request["filename"]),
            supply,
            diagnosis=request["diagnosis"],
            processor=processor,
            on_isolation=lambda level, layers: keep({"event": "isolation", "level": level, "layers": layers}),
            on_start=lambda name, title: tell_and_keep({"event": "started", "id": name, "title": [title.en, title.zh]}),
            on_result=lambda result: tell_and_keep({"event": "check", "result": pack(result)}),
        )
    except PracticeError as error:
        return error_event(error)
    except OSError:
        raise
    except MemoryError as error:
        return error_event(out_of_means(error))
    except Exception as error:  # noqa: BLE001 - our own fault, told in one line; the traceback with --debug
        if os.environ.get("PRACTICE_DEBUG"):
            traceback.print_exc()
        return error_event(GraderFault(f"the grader failed: {type(error).__name__}: {error}", "run with --debug"))
    return {"event": "verdict", "verdict": pack(verdict)}


def _refuse_readable(roots: list[Path]) -> None:
    """UsageError for a content root where any submission could read its hidden half: among Python's own packages, say.

    The nursery is told of the kit's own root when it starts, and of no other.
    """
    for root in roots:
        if root == builtin_root():
            continue
        _, open_to_all = check_readable(default_readable(), [root / "solutions"])
        if open_to_all:
            around = open_to_all[0][0]
            raise UsageError(
                Text(
                    f"{root}: submissions may read {around}, and what lies in it.",
                    f"{root}：提交的代码可以读取 {around} 里的内容。",
                ),
                Text("Keep hidden content elsewhere.", "请把隐藏内容放到别处。"),
            )


def error_event(error: PracticeError) -> Event:
    return {
        "event": "error",
        "message": [error.message.en, error.message.zh],
        "remedy": [error.remedy.en, error.remedy.zh],
        "exit_status": error.exit_status,
    }


def load_content(request: Event) -> Exercise | None:
    """Load the exercise's files here, where they are kept, and not in the fork, which takes them to the grave.

    None where they do not load: the fork will say why.
    """
    from grader.content import Catalogue
    from grader.exam import modules, session

    with contextlib.suppress(PracticeError, OSError, ValueError):
        exercise = Catalogue([Path(root) for root in request["roots"]]).get(request["exercise"])
        for path in (exercise.reference_file, exercise.mistakes_file):
            modules.load(path, exercise.id)
        session.collected(exercise)
        return exercise
    return None
