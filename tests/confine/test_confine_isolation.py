"""What holds, as data; and which paths a worker may read."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from confined_child import in_child

from grader.confine import Isolation, Limits, prepare
from grader.confine.isolation import LAYERS, REQUIRED
from grader.confine.readable import check, default_readable

LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=20)


def test_strict_means_every_required_layer_and_namespaces_are_more() -> None:
    assert Isolation.of(REQUIRED).level == "strict"
    assert Isolation.of(LAYERS).level == "strict"
    assert Isolation.of([]).level == "none"
    for layer in REQUIRED:
        assert Isolation.of(set(LAYERS) - {layer}).level == "partial", layer


def test_layers_come_in_one_order_and_unknown_ones_are_refused() -> None:
    assert Isolation.of(reversed(LAYERS)).layers == LAYERS
    with pytest.raises(ValueError, match="chroot"):
        Isolation.of(["chroot"])


def test_namespaces_are_added_with_what_was_told() -> None:
    bare = Isolation.of(REQUIRED, [("x", "y")])
    assert bare.with_namespaces(True, "net, pid") == Isolation.of(LAYERS, [("x", "y")])
    assert bare.with_namespaces(False, "not here") == Isolation.of(REQUIRED, [("x", "y"), ("namespaces", "not here")])


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_senseless_limits_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="limits"):
        Limits(*wrong)


def test_the_client_pays_for_nothing_but_the_names() -> None:
    heavy = "{'ctypes', 'pyseccomp', 'resource', 'torch', 'numpy', 'socket', 'subprocess', 'json'}"
    assert _run(f"from grader.confine import Isolation, Limits; print({heavy} & set(sys.modules))") == "set()"


def test_nothing_here_needs_torch() -> None:
    assert _run("from grader.confine import *; prepare(); print('torch' in sys.modules)") == "False"


def _run(code: str) -> str:
    """What a fresh interpreter prints, in which the package itself is empty: others answer for what it imports."""
    place = str(_repository() / "grader")
    bare = f"import sys, types; grader = types.ModuleType('grader'); grader.__path__ = [{place!r}]\n"
    code = f"{bare}sys.modules['grader'] = grader\n{code}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def _repository() -> Path:
    return Path(__file__).parents[2]


def test_paths_that_touch_hidden_content_are_dropped_with_the_reason(tmp_path: Path) -> None:
    hidden = tmp_path / "course" / "solutions"
    inside = hidden / "gan"
    beside = tmp_path / "course" / "solutions-of-others"
    for path in (inside, beside):
        path.mkdir(parents=True)
    (tmp_path / "detour").symlink_to(hidden)
    kept, dropped = check([hidden, inside, tmp_path / "course", tmp_path / "detour", beside], [hidden])
    assert kept == (beside,)
    assert dict(dropped) == {
        hidden: f"inside the content root {hidden}",
        inside: f"inside the content root {hidden}",
        tmp_path / "course": f"contains the content root {hidden}",
    }


def test_a_root_named_through_a_link_is_the_same_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "name").symlink_to("real")
    kept, _ = check([tmp_path / "real"], [tmp_path / "name"])
    assert kept == ()


def test_what_is_dropped_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "checks.py").write_text("secret")
    (tmp_path / "open.py").write_text("public")

    def read(name: str) -> str:
        prepare([tmp_path / "hidden", tmp_path, tmp_path / "open.py"], forbidden=[tmp_path / "hidden"]).apply(LIMITS)
        return (tmp_path / name).read_text()

    assert in_child(lambda: read("open.py")).value() == "public"
    assert in_child(lambda: read("hidden/checks.py")).error == "PermissionError"


def test_readable_paths_hold_python_and_nothing_of_sys_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    paths = [path.resolve() for path in default_readable()]
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        assert Path(sysconfig.get_path(name)).resolve() in paths
    for private in (tmp_path, _repository(), _repository() / "solutions", Path.cwd(), Path.home(), Path("/etc/passwd")):
        assert not any(private.is_relative_to(path) for path in paths), private


def test_the_users_own_packages_are_readable_where_python_uses_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("site.getusersitepackages", lambda: str(tmp_path))
    for enabled in (True, False):
        monkeypatch.setattr("site.ENABLE_USER_SITE", enabled)
        assert (tmp_path in default_readable()) == enabled
