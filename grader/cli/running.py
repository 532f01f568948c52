"""`practice run`: hands out a stub, or grades what stands in the file.

Up to the verdict nothing of an exercise is read here: its id leads to the attempt, and the daemon knows the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.cli.common import Invocation
from grader.cli.rendering import Checks, first_failing, render_verdict
from grader.content.place import shown
from grader.daemon import client
from grader.daemon.protocol import Event
from grader.errors import Text, UsageError
from grader.verdict import Verdict

if TYPE_CHECKING:
    from grader.cli.progress import LookAhead

EXIT = {"passed": 0, "failed": 1, "broken": 3}


@dataclass(frozen=True, slots=True)
class Target:
    """Which exercise, and which file stands for it."""

    id: str
    file: Path
    own: bool  # the attempt of the workspace, which may be handed out


def choose(invocation: Invocation, name: str | None, file: Path | None) -> Target | None:
    """What the arguments mean; None when there is nothing left to do."""
    if file is None and name is not None and name.endswith(".py"):
        # `practice run attempts/self_attention.py`, and `practice run self_attention.py` from anywhere
        file, name = (Path(name), None) if Path(name).exists() or "/" in name else (None, name.removesuffix(".py"))
    if file is not None:
        id = _id_for(invocation, name, file)
        own = file.exists() and file.absolute() == invocation.workspace.attempt(id)
        return own_target(invocation, id) if own else Target(id, file, own=False)
    if name is not None:
        id = invocation.resolve(name)
    else:
        from grader.cli.progress import next_id

        found = next_id(invocation.catalogue, invocation.workspace, invocation.journal)
        if found is None:
            return None
        id = found
    return own_target(invocation, id)


def own_target(invocation: Invocation, id: str) -> Target:
    return Target(id, invocation.workspace.attempt(id), own=True)


def _id_for(invocation: Invocation, name: str | None, file: Path) -> str:
    if name is not None:
        return invocation.resolve(name)
    try:
        return invocation.resolve(file.stem)
    except UsageError:
        run = invocation.command(f"run ID --file {file}")
        raise UsageError(
            Text(f"which exercise does {file} answer?", f"{file} 是哪个练习的答案？"),
            Text(f"name it: {run}", f"请写明：{run}"),
        ) from None


def run_once(invocation: Invocation, target: Target | None, *, as_json: bool, daemon: bool) -> int:
    """Hand out or grade, once; the exit status."""
    if target is None:
        return _all_passed(invocation, as_json)
    if target.own and not invocation.workspace.started(target.id):
        return _hand_out(invocation, target, as_json)
    if as_json:
        verdict = grade(invocation, target, daemon=daemon)
        invocation.out.write(json.dumps(verdict.to_json(invocation.spoken), ensure_ascii=False) + "\n")
    else:
        from grader.cli.progress import LookAhead

        ahead = LookAhead(invocation.catalogue) if target.own else None
        verdict, kept = grade_and_show(invocation, target, daemon=daemon, ahead=ahead)
        _next(invocation, target, verdict, kept=kept, ahead=ahead)
    return EXIT[verdict.outcome]


# ---------------------------------------------------------------------- grading


def grade(invocation: Invocation, target: Target, *, daemon: bool) -> Verdict:
    """Grade in silence, apart from what is said on stderr."""

    source, request = request_for(invocation, target)
    verdict = client.run(request, daemon=daemon, listen=lambda event: listen_quietly(invocation, event))
    record(invocation, target, verdict, source)
    return verdict


def grade_and_show(
    invocation: Invocation, target: Target, *, daemon: bool, ahead: LookAhead | None = None
) -> tuple[Verdict, bool]:
    """Grade, showing each check as it finishes, and then what the verdict says. Whether the attempt was kept, too."""

    source, request = request_for(invocation, target)
    out = invocation.out
    out.line(f"{out.styled(target.id, 'strong')} · {request.filename}")
    out.line()
    with Checks(out, invocation.err()) as checks:

        def listen(event: Event) -> None:
            checks.listen(event)
            if event["event"] == "started":
                import hashlib  # noqa: F401 - the journal wants it, after the verdict: now there is time
            if ahead:
                ahead.hear(event)

        verdict = client.run(request, daemon=daemon, listen=listen)
        checks.show_rest(verdict.checks)
    render_verdict(out, verdict)
    return verdict, record(invocation, target, verdict, source)


def listen_quietly(invocation: Invocation, event: Event) -> None:
    """Pass on only what the user should know of the daemon."""
    if event["event"] == "notice":
        invocation.err().line(Text(*event["text"]), "dim")


def request_for(invocation: Invocation, target: Target) -> tuple[str, client.Request]:
    """The source as it stands now, and what to ask of the host."""

    name = shown(target.file.absolute()) if target.own else str(target.file)
    source = client.read_submission(Path(name))
    return source, client.Request(target.id, source, name, invocation.catalogue.roots)


def record(invocation: Invocation, target: Target, verdict: Verdict, source: str) -> bool:
    """Keep the attempt. A file from elsewhere, graded where nothing was handed out, leaves nothing behind."""
    if not (target.own or invocation.workspace.exists):
        return False
    journal = invocation.journal
    try:
        journal.record(verdict, source)
    except OSError as error:
        why, where = error.strerror or type(error).__name__, shown(journal.home.folder)
        invocation.err().warning(
            Text(f"This attempt is not in the journal: {where}: {why}", f"这次作答没有记入日志：{where}：{why}")
        )
        return False
    return True


# -------------------------------------------------------------------- what next


def _next(invocation: Invocation, target: Target, verdict: Verdict, *, kept: bool, ahead: LookAhead | None) -> None:
    """One or two commands that lead on. Hints are for what was kept."""
    if verdict.outcome == "failed" and kept:
        _after_failure(invocation, target.id, verdict)
    elif verdict.outcome == "passed":
        solution = invocation.command(f"solution {target.id}")
        invocation.out.line(Text(f"The reference: {solution}", f"参考答案：{solution}"))
        if target.own:
            _following(invocation, ahead)


def _after_failure(invocation: Invocation, id: str, verdict: Verdict) -> None:
    out, first = invocation.out, first_failing(verdict.checks)
    if first is None:
        return
    hint, snippet = invocation.command(f"hint {id}"), invocation.command(f"hint {id} --snippet")
    if out.say(first.hint):
        out.line(Text(f"A hint: {hint}", f"看提示：{hint}"))
    if first.snippet:
        out.line(Text(f"Code that reproduces it: {snippet}", f"看可复现的代码：{snippet}"))


def _following(invocation: Invocation, ahead: LookAhead | None) -> None:
    from grader.cli.progress import next_id

    following = next_id(invocation.catalogue, invocation.workspace, invocation.journal, ahead=ahead)
    if following is None:
        invocation.out.line(Text("Every exercise is passed.", "所有练习都已通过。"), "good")
    else:
        run = invocation.command(f"run {following}")
        invocation.out.line(Text(f"Next: {run}", f"下一个：{run}"))


def _all_passed(invocation: Invocation, as_json: bool) -> int:
    again = invocation.command("run ID")
    if not invocation.catalogue.ids():
        raise UsageError(Text("there is no exercise", "没有任何练习"))
    if as_json:
        raise UsageError(
            Text("every exercise is passed", "所有练习都已通过"), Text(f"name one: {again}", f"请指定一个：{again}")
        )
    invocation.out.line(Text("Every exercise is passed.", "所有练习都已通过。"), "good")
    invocation.out.line(Text(f"Once more: {again}", f"再做一遍：{again}"))
    return 0


def _hand_out(invocation: Invocation, target: Target, as_json: bool) -> int:
    """Write the stub, and show how the statement begins."""
    from grader.cli.handing_out import hand_out

    path = hand_out(invocation, target.id, quiet=as_json)
    if as_json:
        told = {"exercise": target.id, "submission": shown(path), "outcome": "handed_out"}
        invocation.out.write(json.dumps(told) + "\n")
    return 0
