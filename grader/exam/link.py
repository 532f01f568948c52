"""The examiner's end of a worker: one request, one reply, within a time limit, from a worker that is alive.

A worker that hangs or dies costs the check that called it: `WorkerLost` is raised, and the next request starts a
new worker and loads the submission again.
"""

from __future__ import annotations

import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from grader.content import Exercise
from grader.errors import GraderFault, Text, WireClosed, WireError, WireTimeout
from grader.exam.failures import TooSlow, WorkerKilled, WorkerLost, how_it_ended, raised
from grader.exam.pairing import Pairing
from grader.exam.replies import checked
from grader.exam.supply import Supply, Worker
from grader.wire import Decoder, Encoder, receive_message, send_message, tagged
from grader.wire.modules import describe

START_SECONDS = 60.0
SEND_SECONDS = 5.0
# A worker that got little processor time for its wall time runs on a busy machine: it may have this many times the
# limit.
PATIENCE = 3
# What the calls of one check may take together: a right answer in slow loops takes a second or two.
CHECK_SECONDS = 60.0
CHECKS_SECONDS = 300.0  # and those of all checks, before each check gets the shortened limit
CALLS_IN_A_CHECK = 20  # no more than so many times the limit of one call, where that is less
# What they may give back together, as its reader sees it: an expanded tensor is a few bytes on the wire, and all
# that it shows to whoever compares it. A check may hold all of it, several times over.
CHECK_BYTES = 256 << 20
LOOK_SECONDS = 0.25
OUTPUTS_KEPT = 50
# After the first call that hangs, or the first check that is too slow, further ones get a part of the limit: a
# submission that hangs in twelve checks must not cost twelve limits.
SHORTENED = 0.25


@dataclass(frozen=True, slots=True)
class Submitted:
    """What is graded: the source as it was handed in, and the name that tracebacks show. `switches` turn a
    mistakes.py's mistakes on.
    """

    source: str
    filename: str
    switches: tuple[str, ...] = ()


class LoadFailure(Exception):
    """The submission could not be loaded, or does not offer what the checks call."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class Link:
    """Requests to the worker of one submission. Numbers on the wire: positive ones are the worker's, negative ones
    ours. This process and its workers share `processor`, if one is given.
    """

    def __init__(
        self, supply: Supply, exercise: Exercise, submitted: Submitted, *, processor: int | None = None
    ) -> None:
        self.supply = supply
        self.exercise = exercise
        self.submitted = submitted
        self.worker: Worker | None = None
        self.generation = 0
        self.isolation: dict[str, Any] = {"level": "none", "layers": []}
        self.output: list[str] = []
        self.call_seconds = exercise.limits.call_seconds
        self.load_failure: LoadFailure | None = None
        self.check_seconds = 0.0
        self.checks_seconds = 0.0
        self.check_bytes = 0
        self.check_limit = self._check_limit()
        self.pairing = Pairing(processor)
        self._sequence = 0
        self._forget()

    def _forget(self) -> None:
        """Nothing of an earlier worker is known to a new one."""
        self.things: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.mirrors: weakref.WeakValueDictionary[int, nn.Parameter] = weakref.WeakValueDictionary()
        self.pushed: dict[int, tuple[int, bool]] = {}
        # Kept until the next request: `module.weight.copy_(value)` writes to a parameter that nobody else holds.
        self._lately_mirrored: list[nn.Parameter] = []
        self.linked: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
        # Parameters of the check's own modules that the submission has written into in this check: no claim of its own.
        self.written: set[str] = set()
        self.freed_objects: set[int] = set()
        self.freed_graphs: list[int] = []
        self._next_number = -1
        self._watched: set[int] = set()

    # -------------------------------------------------------------- a life

    def start(self) -> None:
        """Have a worker with the submission loaded. Raises LoadFailure when the submission does not load."""
        if self.worker is not None:
            self.pairing.look()
            return
        if self.load_failure is not None:
            raise self.load_failure
        self._forget()
        self.generation += 1
        self.worker = self.supply.worker(*worker_limits(self.exercise))
        try:
            greeting, _ = receive_message(self.worker.channel, timeout=START_SECONDS)
            self.isolation = greeting["isolation"]
            self.worker.process = greeting["process"]
        except WireError as error:
            status = self._end()
            raise GraderFault(f"the worker did not start (status {status})", "run `practice doctor`") from error
        except KeyError:
            self._end(kill=True)
            raise GraderFault(f"the worker did not start: {greeting.get('fault')}", "run `practice doctor`") from None
        try:
            self._load()
        except LoadFailure as failure:
            self.load_failure = failure
            self._end()
            raise
        self.pairing.hold(self.worker.process)

    def _load(self) -> None:
        from grader.exam.loading import describe_problems, load_request

        message, name = load_request(self.exercise, self.submitted), self.submitted.filename
        try:
            reply, _ = self.request(message, Encoder(), call=name)
        except WorkerKilled as killed:
            raise GraderFault(killed.text) from None
        except WorkerLost as lost:
            raise LoadFailure(lost.text) from None
        try:
            problems = raised(reply["raised"], name).text if "raised" in reply else describe_problems(reply["problems"])
        except (LookupError, TypeError, ValueError, AttributeError):
            # Every part has been looked at; what cannot be put into words all the same is still the worker's claim.
            raise LoadFailure(self._broke(name).text) from None
        if problems is not None:
            raise LoadFailure(problems)

    def _end(self, *, kill: bool = False) -> int | None:
        """Done with this worker: how it ended, None where it had not or is only to be killed."""
        worker, self.worker = self.worker, None
        if worker is None:
            return None
        worker.channel.close()
        try:
            return None if kill else worker.status()
        finally:
            worker.kill()

    def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker = None
        self.pairing.release()

    # ------------------------------------------------------------- request

    def request(self, message: dict[str, Any], encoder: Encoder, *, call: str) -> tuple[dict[str, Any], Decoder]:
        """Send and receive once. `call` names what was called, for the words of a failure."""
        if self.worker is None:
            self.start()
        worker = self.worker
        assert worker is not None
        self._sequence += 1
        message["seq"] = self._sequence
        if self.freed_objects or self.freed_graphs:
            message["free"] = {"objects": list(self.freed_objects), "graphs": self.freed_graphs}
            self.freed_objects, self.freed_graphs = set(), []
        if self.pushed:
            self._push(message)
        self._lately_mirrored.clear()
        began = time.monotonic()
        try:
            send_message(worker.channel, message, encoder=encoder, timeout=max(SEND_SECONDS, self.call_seconds))
            try:
                reply, decoder = receive_message(worker.channel, special=self._decoders, timeout=self.call_seconds)
            except WireTimeout:
                reply, decoder = self._wait_on(worker, call)
            reply = checked(message, reply)
        except WireError as error:
            raise self._lost(error, call) from None
        finally:
            self.checks_seconds += time.monotonic() - began
        self._spend(time.monotonic() - began, call)
        self._take_in(max(decoder.size, decoder.shown), call)
        if "output" in reply and len(self.output) < OUTPUTS_KEPT:
            self.output.append(reply["output"])
        if "linked" in reply:
            # A state dict that a check has loaded may come through to what the submission shares with the module
            self._follow(reply["linked"], asked_for=message.get("do") == "load_state_dict")
        return reply, decoder

    def _wait_on(self, worker: Worker, call: str) -> tuple[dict[str, Any], Decoder]:
        """The limit has passed. A worker that waits for a processor may go on for a while; one that computes, or
        sleeps, is killed.
        """
        self.pairing.release()
        limit = self.call_seconds
        deadline = time.monotonic() + limit * (PATIENCE - 1)
        starved = True
        while starved and time.monotonic() < deadline:
            before = worker.waited()
            with suppress(WireTimeout):
                return receive_message(worker.channel, special=self._decoders, timeout=LOOK_SECONDS)
            starved = worker.waited() - before > LOOK_SECONDS / 2
        self._end(kill=True)
        self._shorten()
        raise WorkerLost(
            Text(
                f"{call} did not come back within {limit:g} s. Is there a loop that never ends?",
                f"{call} 在 {limit:g} 秒内没有返回。是不是有一个不会结束的循环？",
            )
        )

    def _shorten(self) -> None:
        """It may hang in every check."""
        limit = self.exercise.limits.call_seconds
        self.call_seconds = min(limit, max(1.0, limit * SHORTENED))

    def begin_check(self) -> None:
        """What the calls take together is counted from here."""
        self.check_seconds, self.check_bytes = 0.0, 0
        if self.checks_seconds > CHECKS_SECONDS:
            self.check_limit = self._check_limit() * SHORTENED
        self.written.clear()

    def _take_in(self, size: int, call: str) -> None:
        self.check_bytes += size
        if self.check_bytes > CHECK_BYTES:
            raise WorkerLost(
                Text(
                    f"{call} gives back too much: more than 256 MiB in the calls of this check together.",
                    f"{call} 返回的数据太多：这项检查里的调用总共超过了 256 MiB。",
                )
            )

    def _spend(self, seconds: float, call: str) -> None:
        self.check_seconds += seconds
        limit = self.check_limit
        if self.check_seconds > limit:
            self.check_limit = min(limit, self._check_limit() * SHORTENED)
            raise TooSlow(
                Text(
                    f"{call} is too slow: the calls of this check took more than {limit:g} s together.",
                    f"{call} 太慢：这项检查里的调用总共超过了 {limit:g} 秒。",
                )
            )

    def _check_limit(self) -> float:
        return min(CHECK_SECONDS, self.exercise.limits.call_seconds * CALLS_IN_A_CHECK)

    def _lost(self, error: WireError, call: str) -> WorkerLost:
        worker = self.worker
        status = self._end(kill=not isinstance(error, WireClosed))
        if status is None:  # it lives on behind a socket that it has closed, or sent what is no reply
            self._shorten()
            return self._broke(call)
        if worker is not None and worker.killed_from_outside:
            return WorkerKilled(
                Text(
                    "Something outside killed the process of your code, as the system does when memory runs out. "
                    "Run the command again.",
                    "运行你的代码的进程被外部终止了，系统内存不足时就会这样。请再运行一次。",
                )
            )
        how_en, how_zh = how_it_ended(status)
        return WorkerLost(Text(f"{call} ended the program ({how_en}).", f"{call} 使程序结束（{how_zh}）。"))

    def _broke(self, call: str) -> WorkerLost:
        return WorkerLost(Text(f"{call} broke the connection to the grader.", f"{call} 破坏了与评分程序的连接。"))

    # ------------------------------------------------------------ numbers

    def watch(self, thing: Any, number: int) -> None:
        """Free `number` over there once `thing` is gone here."""
        self.freed_objects.discard(number)
        weakref.finalize(thing, self._gone, number, self.generation).atexit = False

    def _gone(self, number: int, generation: int) -> None:
        if generation == self.generation:
            self.pushed.pop(number, None)
            if number not in self.things and number not in self.mirrors:
                self.freed_objects.add(number)

    def graph_gone(self, number: int, generation: int) -> None:
        if generation == self.generation:
            self.freed_graphs.append(number)

    def mirror(self, number: int, requires_grad: bool, value: torch.Tensor) -> nn.Parameter:
        """Our own parameter for one of the worker's: the same object for as long as it lives."""
        known = self.mirrors.get(number)
        if known is None:
            known = nn.Parameter(value, requires_grad=requires_grad and value.is_floating_point())
            self.mirrors[number] = known
            self.watch(known, number)
        else:
            known.requires_grad_(requires_grad)
            if known.shape != value.shape or known.dtype != value.dtype:
                known.data = value
            elif not torch.equal(known, value):
                with torch.no_grad():
                    known.copy_(value)
        self.pushed[number] = (known._version, known.requires_grad)
        self._lately_mirrored.append(known)
        return known

    def outlined(self, number: int, requires_grad: bool, dtype: torch.dtype, shape: tuple[int, ...]) -> nn.Parameter:
        """The same before its value is known: `mirror` must fill it before anybody reads it. Ours (`number` below
        zero) has its value.
        """
        known = self.mirrors.get(number)
        if known is None:
            known = nn.Parameter(torch.empty(shape, dtype=dtype), requires_grad and dtype.is_floating_point)
            self.mirrors[number] = known
            self.watch(known, number)
            self.pushed[number] = (known._version, known.requires_grad)
            self._lately_mirrored.append(known)
        return known

    def _push(self, message: dict[str, Any]) -> None:
        """Send what was written to parameters since the worker last knew them."""
        pushed = []
        for number, state in self.pushed.items():
            parameter = self.mirrors.get(number)
            if parameter is not None and (now := (parameter._version, parameter.requires_grad)) != state:
                self.pushed[number] = now
                pushed.append((number, parameter.detach(), parameter.requires_grad))
        if pushed:
            message["push"] = pushed

    # ------------------------------------------------------ linked modules

    def encode_module(self, encoder: Encoder, module: nn.Module) -> Any:
        """A module of ours as an argument: described the first time, by number from then on."""
        known = self.linked.get(module)
        if known is not None:
            return tagged("N", known)
        numbers = {}
        for name, parameter in module.named_parameters():
            numbers[name] = self._number(parameter)
            self.mirrors[numbers[name]] = parameter
            self.pushed[numbers[name]] = (parameter._version, parameter.requires_grad)
        number = self._number(module)
        self.linked[module] = number
        self.things[number] = module
        return tagged("M", [number, encoder.encode(numbers), encoder.encode(describe(module))])

    def _number(self, thing: Any) -> int:
        number, self._next_number = self._next_number, self._next_number - 1
        self.watch(thing, number)
        return number

    def _follow(self, changes: Any, *, asked_for: bool) -> None:
        """Do to our modules what the submission did to its copies."""
        for change in changes:
            module = self.things.get(change["module"])
            if not isinstance(module, nn.Module):
                continue
            module.train(bool(change["training"]))
            parameters = dict(module.named_parameters())
            for name, (requires_grad, value) in change["parameters"].items():
                parameter = parameters.get(name)
                if parameter is None or parameter.shape != value.shape:
                    continue
                with torch.no_grad():
                    if not torch.equal(parameter, value.to(parameter.dtype)):
                        parameter.copy_(value)
                        if not asked_for:
                            self.written.add(str(name))
                parameter.requires_grad_(bool(requires_grad))
                number = next((n for n, p in self.mirrors.items() if p is parameter), None)
                if number is not None:
                    self.pushed[number] = (parameter._version, parameter.requires_grad)

    # Set by the candidate, which knows what stands for a number here.
    _decoders: dict[str, Any] | None = None

    def use_decoders(self, decoders: dict[str, Any]) -> None:
        self._decoders = decoders


def worker_limits(exercise: Exercise) -> tuple[int, int]:
    """Bytes of memory, and seconds of processor time."""
    return exercise.limits.memory_mb * 1024 * 1024, 600
