"""Run as a program: warms up torch as a nursery does, forks, confines the child, and works there as candidates do.

Prints one JSON object: the isolation, and for each piece of work `ok` or the error. What is refused must be an
exception that the candidate can read, never the end of the process. Imports stand inside the functions on purpose: that
they can be made after the lock-down is part of what is tried.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from grader.confine import Limits, prepare

MEMORY = 512 << 20


def layers() -> None:
    images = torch.randn(4, 3, 16, 16, requires_grad=True)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(10),
        nn.Dropout(0.1),
    )
    functional.cross_entropy(model(images), torch.tensor([1, 2, 3, 4])).backward()
    assert images.grad is not None


def attention() -> None:
    block = nn.TransformerEncoderLayer(16, 4, batch_first=True)
    block(torch.randn(2, 5, 16)).sum().backward()
    query, key, value = torch.randn(3, 1, 2, 8, 16)
    ours = torch.softmax(query @ key.mT / 4, -1) @ value
    torch.testing.assert_close(ours, functional.scaled_dot_product_attention(query, key, value))


def recurrence() -> None:
    nn.LSTM(4, 4)(torch.randn(3, 2, 4))[0].sum().backward()
    nn.GRU(4, 4)(torch.randn(3, 2, 4))


def optimizers() -> None:
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        model = nn.Linear(4, 1)
        optimizer = kind(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 4)).square().mean().backward()
            optimizer.step()
            schedule.step()


def numbers() -> None:
    torch.manual_seed(0)
    torch.seed()
    torch.linalg.svd(torch.randn(20, 20))
    torch.linalg.eigh(torch.eye(5))
    torch.fft.fft(torch.randn(8))
    torch.einsum("ij,jk", torch.randn(2, 3), torch.randn(3, 2))
    torch.multinomial(torch.ones(4), 2)
    torch.randn(64, 64).half().float().bfloat16().to(torch.int8)
    torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8).dequantize()
    (torch.randn(2_000_000) + 1).sort()


def functions() -> None:
    import torch.func

    torch.func.grad(lambda x: x.square().sum())(torch.ones(3))
    torch.func.vmap(lambda x: x * 2)(torch.ones(3, 2))


def distributions() -> None:
    import torch.distributions

    torch.distributions.Normal(0.0, 1.0).rsample()
    torch.distributions.kl_divergence(torch.distributions.Bernoulli(0.3), torch.distributions.Bernoulli(0.4))


def checkpoints() -> None:
    import io

    import torch.utils.checkpoint

    x = torch.randn(3, requires_grad=True)
    torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).sum().backward()
    file = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), file)
    file.seek(0)
    torch.load(file)


def loaders() -> None:
    import torch.utils.data

    data = torch.utils.data.TensorDataset(torch.randn(10, 2))
    assert len(list(torch.utils.data.DataLoader(data, batch_size=3, shuffle=True))) == 4


def graphs() -> None:
    import torch.fx

    torch.fx.symbolic_trace(nn.Linear(2, 2))
    torch.jit.script(nn.Linear(2, 2))


def arrays() -> None:
    import numpy as np
    import numpy.fft
    import numpy.polynomial

    assert np.linalg.svd(np.eye(3))[1].sum() == 3
    np.random.default_rng().standard_normal(3)
    torch.from_numpy(np.zeros(3)).numpy()
    numpy.polynomial.Polynomial([1, 2])(3)


def library() -> None:
    """Modules of the standard library, most of them not loaded before."""
    import dataclasses
    import datetime
    import fractions
    import inspect
    import random
    import statistics
    import textwrap
    import time
    import traceback
    import uuid
    import zoneinfo

    random.seed()
    time.sleep(0.001)
    dataclasses.make_dataclass("Point", ["x", "y"])(1, 2)
    textwrap.dedent(inspect.getsource(fractions))
    statistics.mean([1, 2])
    datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin"))
    uuid.uuid4()
    try:
        1 / 0  # noqa: B018 - for its traceback
    except ZeroDivisionError:
        assert "ZeroDivisionError" in traceback.format_exc()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("said", stacklevel=1)
    assert caught


def wish_for_threads() -> None:
    """libgomp would end the process, were it to try."""
    torch.set_num_threads(4)
    torch.randn(600, 600) @ torch.randn(600, 600)
    torch.randn(8, 16, 64, 64).softmax(-1)
    functional.conv2d(torch.randn(8, 16, 64, 64), torch.randn(16, 16, 3, 3))
    torch.randn(3_000_000).exp().sum()


def worker_processes() -> None:
    import torch.utils.data

    data = torch.utils.data.TensorDataset(torch.randn(4, 2))
    list(torch.utils.data.DataLoader(data, num_workers=2))


WORK: dict[str, Callable[[], object]] = {
    function.__name__: function
    for function in (
        layers, attention, recurrence, optimizers, numbers, functions, distributions, checkpoints, loaders, graphs,
        arrays, library, wish_for_threads, worker_processes,
    )
} | {
    "tensor over the limit": lambda: torch.empty(1 << 30),
    "tensor under the limit": lambda: torch.ones(64 << 20).sum(),
    "array over the limit": lambda: __import__("numpy").ones(1 << 28),
    "bytes over the limit": lambda: bytearray(1 << 30),
    "list over the limit": lambda: [bytearray(1 << 20) for _ in range(1024)],
    "matrix product over the limit": lambda: torch.ones(1 << 14, 1) @ torch.ones(1, 1 << 14),
    "thread": lambda: threading.Thread(target=int).start(),
    "shared tensor": lambda: torch.ones(3).share_memory_(),
    "program": lambda: __import__("subprocess").run(["true"]),
    "read this file": lambda: Path(__file__).read_text(),
    "read a file": lambda: Path("/etc/passwd").read_text(),
    "write a file": lambda: torch.save({}, "/tmp/practice-workload.pt"),
}  # fmt: skip


def warm_up() -> None:
    """The kinds of operation whose libraries read /proc when first used."""
    torch.set_num_threads(1)
    (torch.randn(8, 8, requires_grad=True) @ torch.randn(8, 8)).softmax(-1).sum().backward()
    functional.conv2d(torch.randn(1, 3, 8, 8), torch.randn(3, 3, 3, 3))


def main() -> None:
    warm_up()
    prepared = prepare()
    gc.freeze()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    isolation = prepared.apply(Limits(memory_bytes=MEMORY, cpu_seconds=60))
    said: dict[str, str] = {}
    for name, work in WORK.items():
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is the result
            said[name] = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
        else:
            said[name] = "ok"
    os.write(1, json.dumps({"level": isolation.level, "said": said}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
