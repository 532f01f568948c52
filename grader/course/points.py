"""What each check of an exercise is worth, read off `checks.py` without running it: that would import torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.content.document import read_text
from grader.content.exercise import Exercise
from grader.content.place import Place
from grader.errors import Text

USUAL = 1.0


def check_points(exercise: Exercise) -> dict[str, float]:
    """The points of the checks that exercise.yaml declares, in its order. ContentError for what cannot be read off."""
    place = Place(exercise.checks_file)
    try:
        module = ast.parse(read_text(exercise.checks_file))
    except SyntaxError as error:
        raise place.at(error.lineno or 1).error(
            Text(f"is not Python: {error.msg}", f"不是合法的 Python：{error.msg}"),
            Text("correct the line", "请改正这一行"),
        ) from None
    found = {name: _worth(call, place) for name, call in _decorated(module)}
    for name in exercise.checks:
        if name not in found:
            raise place.error(
                Text(f"has no check '{name}'", f"没有检查 '{name}'"),
                Text("write it with @check, as exercise.yaml names it", "请按 exercise.yaml 里的名字用 @check 写出来"),
            )
    return {name: found[name] for name in exercise.checks}


def _decorated(module: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(func=ast.Name(id="check") | ast.Attribute(attr="check")):
                        yield node.name, decorator


def _worth(call: ast.Call, place: Place) -> float:
    for keyword in call.keywords:
        if keyword.arg == "points":
            match keyword.value:
                case ast.Constant(value=int() | float() as points):
                    return float(points)
            raise place.at(keyword.value.lineno, "points").error(
                Text("a course cannot read these points", "课程读不出这个分值"),
                Text("write a number", "请写成一个数字"),
            )
    return USUAL
