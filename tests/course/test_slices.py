"""What honest students leave in other cells costs nothing, and what the answer needs of them is there."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from course_ground import RIGHT, Ground
from nbformat import NotebookNode, v4
from test_setup_handed import parts

from grader.course.extraction import MOST_PARSED, counted, joined


def cells_around(*sources: str, first: bool = False, bare: bool = False) -> Any:
    def change(notebook: NotebookNode) -> None:
        where = 0 if first else len(notebook.cells)
        notebook.cells[where:where] = [v4.new_code_cell(source) for source in sources]
        if bare:
            for cell in notebook.cells:
                cell.metadata = {}

    return change


def works(source: str) -> bool:
    """Run as a submission is: stopping at what fails."""
    names: dict[str, Any] = {"__name__": "submission"}
    exec(compile(source, "submission", "exec"), names)
    return bool(names["scale"](3.0, factor=2.0) == 6.0)


SCRATCH = {
    "a plot": "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1])\nplt.show()",
    "what is not installed": "import pandas as pd, google.colab\nfrom seaborn import heatmap\ndf = pd.DataFrame({})",
    "a name that is not there": "y = scores.softmax(-1)",
    "a division by zero": "a = 1 / 0",
    "a loop that fails": "for T in (2, 4):\n    m = T / 0",
    "asserts in a loop": "for i in range(3):\n    assert i < 2",
    "hours of training": "import time\nfor step in range(1000):\n    time.sleep(5)",
    "a question": "n = int(input('how many? '))",
    "a file": "with open('no-such-data.txt') as f:\n    text = f.read()",
    "a folder": "import os\nfiles = os.listdir('no-such-data')",
    "await": "import asyncio\nr = await asyncio.sleep(0, 3)",
    "return": "x = 3\nreturn x",
    "no Python": "for i in range(3\n   print(i",
    "a wrapper of the entry": "def demo():\n    return scale(1, 2, 3)\nz = demo()",
    "stop here": "raise SystemExit",
    "while else": "while False:\n    pass\nelse:\n    raise ValueError",
    "the notebook's own": "ip = get_ipython()",
    "names that are nowhere": "from math import Nonexistent\nfrom typing import Foo",
    "a result under the entry's name": "scale = scale(2, factor=3)\nscale.backward()",
    "a local name of the answer": "x = undefined\nfactor = 1 / 0",
    "a changed setting of a plot": "import matplotlib as mpl\nmpl.rcParams['figure.dpi'] = 300",
    "the main guard": "if __name__ != '':\n    x = 1 / 0",
}

# What stands in other cells, what in the answer's, and what below.
DIRECT = "def scale(x, *, factor):\n    return x * factor"
NEEDS = "def scale(x, *, factor):\n    return TABLE['times'](x, factor)"
TIMES = "def times(a, b):\n    return a * b\n"
NEEDED = {
    "an alias": ("", DIRECT.replace("scale", "mine"), "scale = mine"),
    "a lambda": ("", "times = 1", "scale = lambda x, *, factor: x * factor"),
    "partial": ("from functools import partial", DIRECT.replace("x,", "one, x,").replace("scale", "mine"),
                "scale = partial(mine, None)"),
    "a wrapped entry": ("import functools", DIRECT, "scale = functools.cache(scale)"),
    "an alias, chosen": (
        "FAST = True", DIRECT.replace("scale", "mine"), "if FAST:\n    scale = mine\nelse:\n    scale = None"),
    "update": (f"{TIMES}TABLE = {{}}\nTABLE.update({{'times': times}})", NEEDS, ""),
    "an item": (f"{TIMES}TABLE = {{}}\nTABLE['times'] = times", NEEDS, ""),
    "items in a loop": (f"{TIMES}TABLE = {{}}\nfor name in ['times']:\n    TABLE[name] = times", NEEDS, ""),
    "append": ("F = []\nF.append(lambda a, b: a * b)", "def scale(x, *, factor):\n    return F[0](x, factor)", ""),
    "setdefault, append": ("F = {}\nF.setdefault(1, []).append(lambda a, b: a * b)",
                           "def scale(x, *, factor):\n    return F[1][0](x, factor)", ""),
    "+=": ("F = 1\nF += 1\nF -= 1", "def scale(x, *, factor):\n    return x * factor * F", ""),
    "a decorator that registers": (
        "TABLE = {}\ndef register(f):\n    TABLE[f.__name__] = f\n    return f\n@register\n" + TIMES, NEEDS, ""),
    "a function that fills a global": (
        f"{TIMES}def fill():\n    global TABLE\n    TABLE = dict(times=times)\nfill()", NEEDS, ""),
    "by way of another function": (
        f"{TIMES}TABLE = {{}}\ndef put(k, v):\n    TABLE[k] = v\ndef fill():\n    put('times', times)\nfill()",
        NEEDS, ""),
    "a function that fills what it is given": (
        f"{TIMES}TABLE = {{}}\ndef fill(table):\n    table['times'] = times\nfill(TABLE)", NEEDS, ""),
    "an object that fills itself": (
        f"{TIMES}class Table(dict):\n    def load(self):\n        self['times'] = times\nTABLE = Table()\nTABLE.load()",
        NEEDS, ""),
    "setattr": (
        "class N: pass\nsetattr(N, 't', lambda a, b: a * b)",
                "def scale(x, *, factor):\n    return N.t(x, factor)", ""),
    "an attribute": (
        "class N: pass\nN.t = lambda a, b: a * b",
        "def scale(x, *, factor):\n    return N.t(x, factor)", ""),
    "exec": (f"TABLE = {{}}\n{TIMES}exec('TABLE.update(times=times)')", NEEDS, ""),
    "globals()": (f"{TIMES}globals()['TABLE'] = {{'times': times}}", NEEDS, ""),
    "import *": ("from operator import *", "def scale(x, *, factor):\n    return mul(x, factor)", ""),
    "an import in try": ("try:\n    from operator import mul\nexcept ImportError:\n    mul = None",
                         "def scale(x, *, factor):\n    return mul(x, factor)", ""),
    "an import beside one that fails": ("import operator, matplotlib.pyplot as plt",
                                        "def scale(x, *, factor):\n    return operator.mul(x, factor)", ""),
    "a decorator and a default": (
        "import functools\nONE = 1",
        f"@functools.cache\n{DIRECT.replace('factor)', 'factor=ONE)')}", ""),
    "a class level": (
        "A = 1\nclass Base:\n    a = A", "class K(Base):\n    a = Base.a\n"
        "def scale(x, *, factor):\n    return K.a * x * factor", ""),
    "a value below": ("", "def scale(x, *, factor):\n    return x * factor * ONE", "ONE = 1.0"),
    "an import whose name is used at the end": (
        "import operator as F", "def scale(x, *, factor):\n    return F.mul(x, factor)", "for F in (1, 2):\n    pass"),
    "helpers beside what is no Python": (f"{TIMES}TABLE = {{'times': times}}\nprint 'x'", NEEDS, ""),
    "helpers beside await": (f"{TIMES}TABLE = {{'times': times}}\nr = await times(1, 2)", NEEDS, ""),
    "what is not installed, in the answer": (
        "", f"import math, tqdm\nimport matplotlib.pyplot as plt\n{DIRECT}", ""),
    "a plot in the answer": (
        "",
        f"{DIRECT}\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1])", ""),
    "__future__, with a comment": ("import math", f"from __future__ import annotations  # why\n{DIRECT}", ""),
    "__future__, in parentheses": ("import math", f"from __future__ import (\n    annotations,\n)\n{DIRECT}", ""),
    "__future__, in another cell": ("import math", DIRECT, "from __future__ import annotations\nhalf = 1 / 0"),
}  # fmt: skip


class TestHonest:
    @pytest.mark.parametrize("scratch", SCRATCH.values(), ids=SCRATCH)
    @pytest.mark.parametrize("first", [False, True], ids=["below", "above"])
    def test_what_tries_something_out_costs_nothing_and_is_told(
        self, course_ground: Ground, scratch: str, first: bool
    ) -> None:
        course_ground.hand_in("ann", RIGHT, change=cells_around(scratch, first=first))
        found = parts(course_ground, "ann")["scale"]
        assert found.source is not None
        assert works(found.source)
        said = "".join(note.text.en for note in found.notes if note.kind == "left-out")
        harmless = "import asyncio", "import os", "import time"
        assert next(line for line in scratch.split("\n") if line not in harmless)[:50] in said

    @pytest.mark.parametrize(("above", "answer", "below"), NEEDED.values(), ids=NEEDED)
    @pytest.mark.parametrize("bare", [False, True], ids=["", "without-metadata"])
    def test_what_the_answer_needs_is_there(
        self, course_ground: Ground, above: str, answer: str, below: str, bare: bool
    ) -> None:
        def change(notebook: NotebookNode) -> None:
            cells_around(above, first=True)(notebook)
            cells_around(below, bare=bare)(notebook)

        course_ground.hand_in("ann", answer, change=change)
        source = parts(course_ground, "ann")["scale"].source
        assert source is not None
        assert works(source)

    def test_the_answer_stays_as_it_was_written(self) -> None:
        source = "import math\nimport torch  # mine\nx = 1; print(x)\n\n\nclass A: pass\n"
        assert counted([(source, True)], {"A"}).source == source
        assert not counted([(source, True)], {"A"}).left_out

    def test_what_meddles_with_the_grader_is_not_hidden(self) -> None:
        for meddling in ("import grader.exam\ngrader.exam.x = 1", "import sys\nsys.modules['torch'] = None"):
            source = f"{meddling}\n{RIGHT}"
            assert counted([(source, True)], {"scale"}).source.strip() == source.strip()
        assert (
            "sys.modules"
            in counted([("import sys\nsys.modules['torch'] = None", False), (RIGHT, True)], {"scale"}).source
        )

    def test_a_name_spelled_wrong_is_seen(self) -> None:
        assert "def scael" in counted([("def scael(x): pass\nx = 1 / 0", False)], {"scale"}).source

    def test_what_is_too_long_to_read_counts_as_it_stands(self) -> None:
        long = "x = 1\n" * (MOST_PARSED // 5)
        source = counted([("y = 1", False), (long, False), ("x = 2", False), (RIGHT, True)], {"scale"}).source
        assert long.strip() in source

    def test_many_statements_take_no_time_to_speak_of(self) -> None:
        cell = "f=lambda:f;f.x=f()\n" * 3000
        counted([*[(cell, False)] * 2, ("def scale(): f()", True)], {"scale"})

    def test_a_future_that_is_none_is_left_where_it_is(self) -> None:
        assert joined(["a = 1", "from __future__ import nonsense"]) == "a = 1\n\n\nfrom __future__ import nonsense\n"

    def test_nothing_runs(self) -> None:
        counted([("import sys\nsys.slices = 1", False), ("sys.slices = 1", True)], {"scale"})
        assert not hasattr(sys, "slices")
