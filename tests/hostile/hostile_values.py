"""Lying values: things that are not what they look like to the code that is about to judge them."""

from __future__ import annotations

from hostile_entry import EMPTY, SHAPE, UNCHANGED, Hostile, in_call, returning

GRADIENTS = frozenset({"test_gradients"})

_LIAR = """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("allclose", "equal", "all", "__bool__", "item"):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})
"""

VALUES = {
    "a subclass that agrees with everything": Hostile(
        in_call("", _LIAR, "torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype).as_subclass(Liar)"),
        earns=EMPTY,
    ),
    "a subclass made by __class__": Hostile(
        in_call("y = torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype)\ny.__class__ = Liar", _LIAR, "y"),
        earns=EMPTY,
    ),
    "an object that says it is a tensor": Hostile(
        in_call(
            "",
            "class Claims:\n    __class__ = torch.Tensor\n    shape = (1, 1, 1)\n    dtype = torch.float32",
            "Claims()",
        ),
        says="must return a tensor",
    ),
    "a wrapper without data": Hostile(
        in_call(
            "",
            """
            class Wrapper(torch.Tensor):
                @staticmethod
                def __new__(cls, like):
                    return torch.Tensor._make_wrapper_subclass(cls, like.shape, dtype=like.dtype)
                @classmethod
                def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
                    return True
            """,
            "Wrapper(torch.zeros(*x.shape[:2], w_v.shape[1], dtype=x.dtype))",
        )
    ),
    "a fake tensor": Hostile(
        in_call(
            "with FakeTensorMode():\n    y = torch.zeros(*x.shape[:2], 1)",
            "from torch._subclasses import FakeTensorMode",
            "y",
        )
    ),
    "a meta tensor": Hostile(returning("right.to('meta')"), says="meta"),
    "a huge expanded tensor": Hostile(returning("right.detach().flatten()[:1].expand(1 << 40)")),
    "a huge shape of no elements": Hostile(returning("torch.empty(0, 1 << 40)"), earns=UNCHANGED),
    "a sparse tensor": Hostile(returning("right.to_sparse()"), says="sparse"),
    "a compressed sparse tensor": Hostile(returning("right[0].to_sparse_csr()")),
    "a nested tensor": Hostile(returning("torch.nested.nested_tensor([right[0]])")),
    "a quantized tensor": Hostile(returning("torch.quantize_per_tensor(right.detach().float(), 1.0, 0, torch.qint8)")),
    "a complex tensor": Hostile(returning("torch.complex(right, torch.ones_like(right))"), earns=EMPTY | GRADIENTS),
    "a half that hides its error": Hostile(returning("(right * 1.01).to(torch.bfloat16)"), earns=SHAPE | UNCHANGED),
    "an integer tensor": Hostile(returning("right.long()"), earns=EMPTY),
    "a bool tensor": Hostile(returning("right.bool()"), earns=EMPTY),
    "nan everywhere": Hostile(returning("right * float('nan')"), earns=EMPTY),
    "infinity everywhere": Hostile(returning("right + float('inf')"), earns=EMPTY | GRADIENTS),
    "a tensor that broadcasts": Hostile(returning("right[:1, :1, :1]"), earns=UNCHANGED),
    "an extra dimension": Hostile(returning("right[None]"), earns=UNCHANGED | GRADIENTS),
    "an array": Hostile(returning("right.detach().numpy()")),
    "a nested list": Hostile(returning("right.tolist()"), says="must return a tensor"),
    "its input": Hostile(returning("x"), earns=UNCHANGED),
    "nothing": Hostile(returning("None"), says="`return` missing"),
    "true": Hostile(returning("True")),
    "an ellipsis": Hostile(returning("...")),
    "NotImplemented": Hostile(returning("NotImplemented")),
    "a list that contains itself": Hostile(returning("loop", "loop = []\nloop.append(loop)")),
    "a dict that contains itself": Hostile(returning("loop", "loop = {}\nloop[1] = loop")),
    "an endless generator": Hostile(returning("itertools.count()", "import itertools")),
    "a list without end": Hostile(
        returning(
            "Endless([right])",
            "class Endless(list):\n    def __iter__(self):\n        while True:\n            yield 1",
        )
    ),
    "a list that lies of its length": Hostile(
        returning("Long([right])", "class Long(list):\n    def __len__(self):\n        return 1 << 60")
    ),
    "a number of a million digits": Hostile(returning("1 << 4_000_000")),
    "an object with evil methods": Hostile(
        returning(
            "Evil()",
            """
            import os
            class Evil:
                def __getattribute__(self, name):
                    os._exit(0)
                def __reduce__(self):
                    return os.system, ("touch @SCRATCH@/planted",)
                def __repr__(self):
                    raise SystemExit(0)
                __str__ = __eq__ = __bool__ = __hash__ = __repr__
            """,
        ),
        says="must return a tensor",
    ),
    "a class with a name that is code": Hostile(
        returning("Named()", "Named = type('float32 tensor of shape (1,)\\x1b[2J\\n', (), {'__module__': 'torch'})"),
        says="must return",
    ),
    "a string that says it is equal": Hostile(
        returning(
            "Same()", "class Same(str):\n    def __eq__(self, other):\n        return True\n    __hash__ = str.__hash__"
        )
    ),
    "a module": Hostile(returning("torch.nn.Linear(1, 1)"), says="must return a tensor"),
    "a tensor with hooks": Hostile(
        returning(
            "hooked(right)",
            "def hooked(y):\n    y = y * 0\n    y.requires_grad and y.register_hook(lambda g: exit(0))\n    return y",
        ),
        earns=EMPTY,
    ),
    "a graph that lies": Hostile(
        returning(
            "Lying.apply(right)",
            """
            class Lying(torch.autograd.Function):
                @staticmethod
                def forward(ctx, y):
                    return y.clone()
                @staticmethod
                def backward(ctx, grad):
                    return torch.full_like(grad, float("nan"))
            """,
        ),
        earns=frozenset({"test_shape", "test_values", "test_inputs_unchanged"}),
    ),
    "an exception with an endless message": Hostile(in_call("raise ValueError('x' * 10_000_000)"), says="ValueError"),
    "an exception that speaks to terminals": Hostile(
        in_call("raise ValueError('\\x1b[2J\\x1b]0;owned\\x07 \\ud800 passed')"), says="ValueError"
    ),
    "an exception whose text is no text": Hostile(
        in_call("raise Odd", "class Odd(Exception):\n    def __str__(self):\n        return 5")
    ),
}
