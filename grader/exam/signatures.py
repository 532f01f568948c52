"""Signatures as exercise.yaml writes them."""

from __future__ import annotations

import ast
from functools import cache


@cache
def positional_names(signature: str) -> list[str]:
    """The names of the arguments that may be given by position, in order."""
    function = ast.parse(f"def f{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    return [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
