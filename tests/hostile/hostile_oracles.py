"""Answers that depend on something else than the arguments, and settings of the interpreter changed for good."""

from __future__ import annotations

from hostile_entry import EMPTY, NOTHING, SHAPE, Hostile, at_import, honest_but, in_call, returning

FORWARD = frozenset({"test_shape", "test_values", "test_inputs_unchanged"})
GRADIENTS = frozenset({"test_gradients"})

ORACLES = {
    "right for the first calls": Hostile(
        returning(
            "right if count() <= 12 else right * 0",
            "CALLS = []\ndef count():\n    CALLS.append(1)\n    return len(CALLS)",
        ),
        earns=EMPTY | GRADIENTS,
    ),
    "right every other time": Hostile(
        returning(
            "right if count() % 2 else right * 0",
            "CALLS = []\ndef count():\n    CALLS.append(1)\n    return len(CALLS)",
        ),
        earns=SHAPE,
    ),
    "right at random": Hostile(
        returning("right if random.random() < 0.7 else right + 1", "import random"), earns=EMPTY | GRADIENTS
    ),
    "right by the clock": Hostile(
        returning("right if time.perf_counter_ns() // 1000 % 3 else right * 2", "import time"), earns=SHAPE
    ),
    "remembers its answers": Hostile(
        returning(
            "KNOWN.setdefault(right.shape, right.detach())",
            "KNOWN = {}",
        ),
        earns=EMPTY,
    ),
    "right only where gradients are not wanted": Hostile(
        returning("right if not right.requires_grad else right.detach()"),
        earns=FORWARD,
    ),
    "a counter in a default argument": Hostile(
        returning("right * (1 if len(SEEN) < 10 else 2) if SEEN.append(1) is None else right", "SEEN = []"), earns=EMPTY
    ),
    "right for small inputs": Hostile(returning("right if x.numel() <= 4 else right * 2"), earns=EMPTY),
    "right in the pattern that failures shrink to": Hostile(
        returning("right if x.flatten()[0] in (0.5, 0.0) else right * 2"), earns=EMPTY
    ),
    "another answer after a restart": Hostile(
        honest_but(
            "import os\nif len(CALLS) == 3:\n    os._exit(0)\nCALLS.append(1)",
            "CALLS = []",
        ),
        earns=NOTHING,
    ),
}

STATE = {
    "the default dtype": Hostile(at_import("torch.set_default_dtype(torch.float64)"), earns=EMPTY),
    "no gradients": Hostile(at_import("torch.set_grad_enabled(False)"), earns=EMPTY),
    "no gradients, for good": Hostile(in_call("torch._C._set_grad_enabled(False)"), earns=EMPTY),
    "inference mode entered": Hostile(in_call("torch.inference_mode().__enter__()"), earns=EMPTY),
    "the default device": Hostile(in_call("torch.set_default_device('meta')")),
    "deterministic algorithms": Hostile(
        at_import("torch.use_deterministic_algorithms(True)\ntorch.manual_seed(1)"), earns=EMPTY
    ),
    "a function mode entered": Hostile(
        in_call("torch.overrides.BaseTorchFunctionMode().__enter__()", "import torch.overrides"), earns=EMPTY
    ),
    "a dispatch mode that lies": Hostile(
        in_call(
            "Lies().__enter__()",
            """
            from torch.utils._python_dispatch import TorchDispatchMode
            class Lies(TorchDispatchMode):
                def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                    return torch.ones(())
            """,
        )
    ),
    "anomaly detection": Hostile(at_import("torch.autograd.set_detect_anomaly(True)"), earns=EMPTY),
    "threads": Hostile(in_call("torch.set_num_threads(64)"), earns=EMPTY),
    "the collector": Hostile(at_import("import gc\ngc.disable()\ngc.callbacks.append(lambda *a: 1 / 0)"), earns=EMPTY),
    "json and struct": Hostile(
        in_call("import json, struct\njson.dumps = json.loads = struct.pack = struct.unpack = None"), earns=EMPTY
    ),
    "random states": Hostile(in_call("torch.manual_seed(0)\nimport random\nrandom.seed(0)"), earns=EMPTY),
    "warnings as errors": Hostile(at_import("import warnings\nwarnings.simplefilter('error')"), earns=EMPTY),
    "standard streams closed": Hostile(in_call("import sys\nsys.stdout.close()\nsys.stderr = None"), earns=EMPTY),
}
