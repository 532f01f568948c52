"""What an examiner would otherwise import or compute on each submission, done once before the forks."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import warnings
from pathlib import Path

import torch

from grader.content import Exercise, version
from grader.exam import modules
from grader.exam.checks import seeded
from grader.exam.diagnosis import Table
from grader.exam.local import LocalCandidate
from grader.exam.reference import Reference


def warm_up() -> None:
    """Import the examiner's side and run one operation of each kind that comparisons use."""
    for name in ("pytest", "hypothesis", "grader.exam.examine", "grader.exam"):
        importlib.import_module(name)
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    # With grad_outputs, torch imports its symbolic shapes: a third of a second.
    torch.autograd.grad((x @ x.mT).softmax(-1).sum(), x, torch.ones((), dtype=torch.float64))
    torch.isfinite(x).all().item()


_steps: dict[tuple[Path, str], int] = {}  # done, of each exercise


def is_rehearsed(exercise: Exercise) -> bool:
    return _steps.get(_key(exercise), 0) == len(_REHEARSAL)


def _key(exercise: Exercise) -> tuple[Path, str]:
    """What was rehearsed is kept in the loaded files themselves: equal files in another place are others."""
    return exercise.checks_file, version(exercise)


def rehearse(exercise: Exercise) -> None:
    """Run the exercise's checks on its own reference, and look at what its mistakes do; once for each version of its
    files.
    """
    while not is_rehearsed(exercise):
        rehearse_a_step(exercise)


def rehearse_a_step(exercise: Exercise) -> None:
    """The next of the steps that `rehearse` consists of: each takes up to a second, in which nobody is served."""
    key = _key(exercise)
    done = _steps.get(key, 0)
    if done < len(_REHEARSAL):
        _steps[key] = done + 1  # a step that fails is not tried again
        _REHEARSAL[done](exercise)


def learn(exercise: Exercise, seed: int = 0) -> None:
    """Have the checks remember what they draw under this seed, and what is right for it; they forget what they knew of
    another.
    """
    checks = modules.load(exercise.checks_file, exercise.id)
    module, reference = modules.load(exercise.reference_file, exercise.id), Reference(exercise)
    state = torch.get_rng_state()
    for name in exercise.checks:
        check = getattr(checks, name, None)
        if check is not None:
            candidates = {"candidate": LocalCandidate(exercise, module), "reference": reference}
            wanted = inspect.signature(check).parameters
            memory = getattr(check, "memory", None)
            learning = memory.learning(seed) if memory is not None else contextlib.nullcontext()
            for seeding in (torch.manual_seed, *(one.seed for one in candidates.values())):
                seeding(seed)
            with (
                contextlib.suppress(Exception),
                learning,
                reference.learning(),
                seeded(seed),
            ):  # what is wrong with a check is told when it is graded by
                check(**{key: value for key, value in candidates.items() if key in wanted})
    torch.set_rng_state(state)


def look_at_mistakes(exercise: Exercise) -> None:
    """What the catalogued mistakes do: a diagnosis compares with it."""
    with contextlib.suppress(Exception):  # what is wrong with it is told when it is diagnosed by
        table = Table.of(exercise)
        if table is not None:
            table.fill()


_REHEARSAL = (learn, look_at_mistakes)


def warm_further() -> None:
    """Import what torch imports on the first step of any optimizer: a second, wanted by few exercises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("torch._dynamo")
