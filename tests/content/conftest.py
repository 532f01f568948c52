"""A content root below tmp_path, which is the working directory: errors then name paths as an author sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

YAML = """\
title: {en: Scale, zh: 缩放}
topic: attention
level: 1
minutes: 5
entries:
  scale:
    kind: function
    signature: (x, *, factor=1.0)
    returns: tensor
rules: [shape, values]
checks: [test_runs, test_values]
"""

ENGLISH = """\
Multiply a matrix by one number.

## Your task

Complete the stub.

## Rules

- The shape stays. <!-- rule: shape -->
- Every entry is multiplied. <!-- rule: values -->

## Worked example

```python
## not a heading
scale(x, factor=2.0)  # <!-- rule: not-a-marker -->
```

## Why interviewers ask

They do.

## Asked next

- And in place?
"""

CHINESE = """\
把矩阵乘上一个数。

## 任务

完成 stub。

## 规则

- 形状不变。 <!-- rule: shape -->
- 每个元素都乘上 factor。 <!-- rule: values -->

## 例子

见上。

## 面试为什么问

会问。

## 接着会问

- 原地呢？
"""


def write_files(root: Path, id: str, **files: str) -> Path:
    """Both folders of a sound exercise; `yaml`, `en` and `zh` replace those files. Returns exercise.yaml."""
    public, private = root / "exercises" / id, root / "solutions" / id
    (private / "right").mkdir(parents=True)
    public.mkdir(parents=True)
    (public / "exercise.yaml").write_text(files.get("yaml", YAML), encoding="utf-8")
    (public / "statement.en.md").write_text(files.get("en", ENGLISH), encoding="utf-8")
    (public / "statement.zh.md").write_text(files.get("zh", CHINESE), encoding="utf-8")
    (public / "stub.py").write_text("def scale(x, *, factor=1.0):\n    raise NotImplementedError\n")
    for name in ("checks", "reference", "mistakes", "right/loops"):
        (private / f"{name}.py").write_text("def scale(x, *, factor=1.0):\n    return x * factor\n")
    return public / "exercise.yaml"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty content root, which is also the working directory."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(root: Path) -> Callable[..., Path]:
    """Writes an exercise below the root, or `at` another; `level`, `topic` and `after` go into its exercise.yaml."""

    def write(
        id: str, *, at: Path = root, level: int = 1, topic: str = "attention", after: str = "", **files: str
    ) -> Path:
        more = f"level: {level}\nafter: [{after}]" if after else f"level: {level}"
        yaml = YAML.replace("level: 1", more).replace("topic: attention", f"topic: {topic}")
        return write_files(at, id, **{"yaml": yaml, **files})

    return write
