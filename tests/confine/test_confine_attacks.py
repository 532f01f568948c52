"""One attack table over every layer: an attack works without, is refused by all, and alone by the layers named."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attack_table import ATTACKS, Attack, Scene
from confined_child import NOBODY, Fate, become_ordinary, in_child, victim

from grader.confine import Limits, compile_filter, landlock, prepare, privileges, rlimits, seccomp

LIMITS = Limits(memory_bytes=256 << 20, cpu_seconds=20)
LAYERS = ("rlimits", "capabilities", "dumpable", "no_new_privs", "landlock", "seccomp")
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def program() -> bytes:
    return compile_filter()


@pytest.fixture(scope="module")
def alone(program: bytes) -> dict[str, Callable[[], None]]:
    """Each layer by itself; Landlock and seccomp take no_new_privs with them, which stops no attack of the table."""

    def landlocked() -> None:
        privileges.forbid_new_privileges()
        landlock.restrict(landlock.create([Path("/usr/lib")]))

    def filtered() -> None:
        privileges.forbid_new_privileges()
        seccomp.install(program)

    return {
        "rlimits": lambda: rlimits.apply(LIMITS),
        "capabilities": privileges.drop_capabilities,
        "dumpable": privileges.forbid_inspection,
        "no_new_privs": privileges.forbid_new_privileges,
        "landlock": landlocked,
        "seccomp": filtered,
    }


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[int, str, int]]:
    """A process, an abstract socket and a port that the confined child must not reach."""
    abstract = f"\0practice-test-{os.getpid()}"
    with victim() as process, socket.socket(socket.AF_UNIX) as unix, socket.socket() as internet:
        unix.bind(abstract)
        internet.bind(("127.0.0.1", 0))
        for listener in (unix, internet):
            listener.listen(512)
        yield process, abstract, internet.getsockname()[1]


@pytest.fixture
def scene(outside: tuple[int, str, int]) -> Iterator[Scene]:
    """Made anew for each attack, in a place that an ordinary user may write to."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        (directory / "old").write_text("a secret")
        (directory / "old").chmod(0o666)
        (directory / "empty").mkdir()
        (directory / "empty").chmod(0o777)
        yield Scene(directory, *outside)
        Path(f"/dev/shm/{outside[1][1:]}").unlink(missing_ok=True)


def _refused(fate: Fate) -> bool:
    """Whether the kernel said no, in one of the ways that a layer does."""
    return fate.error in {"PermissionError", "MemoryError"} or (
        fate.error in {"OSError", "BlockingIOError", "RuntimeError", "ValueError"} and fate.ended == 0
    )


def _show_that_it_works(attack: Attack, scene: Scene, first: Callable[[], object] = bool) -> None:
    def bare() -> None:
        first()
        attack.act(scene)

    fate = in_child(bare)
    if not fate.succeeded and (attack.optional or (attack.needs_root and fate.error == "PermissionError")):
        pytest.skip("this machine refuses it to everybody, or to the root of this container")
    assert fate.succeeded, f"the attack does not work unconfined, so refusing it proves nothing: {fate}"


def _reset(scene: Scene) -> None:
    """Undo what the attack did when it worked."""
    for path in scene.directory.iterdir():
        if path.name not in {"old", "empty"}:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (scene.directory / "old").write_text("a secret")
    (scene.directory / "old").chmod(0o666)
    (scene.directory / "empty").mkdir(exist_ok=True)
    (scene.directory / "empty").chmod(0o777)
    Path(f"/dev/shm/{scene.abstract[1:]}").unlink(missing_ok=True)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_unconfined_and_is_refused_in_full_confinement(name: str, scene: Scene) -> None:
    attack = ATTACKS[name]
    if attack.needs_root and not ROOT:
        pytest.skip("only root could do this to begin with")
    _show_that_it_works(attack, scene)
    _reset(scene)

    def confined() -> None:
        assert prepare().apply(LIMITS).level == "strict"
        attack.act(scene)

    fate = in_child(confined)
    assert _refused(fate), fate


@pytest.mark.skipif(not ROOT, reason="the test before this one ran as an ordinary user already")
@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.needs_root])
def test_the_same_holds_for_an_ordinary_user(name: str, scene: Scene, program: bytes) -> None:
    attack = ATTACKS[name]
    with victim(ordinary=True) as same_user:
        mine = Scene(scene.directory, same_user, scene.abstract, scene.port)

        def ordinary() -> None:
            os.chown(scene.directory / "old", NOBODY, NOBODY)
            become_ordinary()

        _show_that_it_works(attack, mine, ordinary)
        _reset(scene)

        def confined() -> None:
            ordinary()
            # not the default paths: Python itself may be out of this user's reach
            assert prepare([Path("/usr/lib")]).apply(LIMITS).level == "strict"
            attack.act(mine)

        fate = in_child(confined)
    assert _refused(fate), fate


@pytest.mark.skipif(not ROOT, reason="what a layer stops alone is shown for root, from whom there is more to take")
@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.optional])
def test_the_layers_that_stop_an_attack_alone_are_those_in_the_table(
    name: str, scene: Scene, alone: dict[str, Callable[[], None]]
) -> None:
    attack = ATTACKS[name]
    _show_that_it_works(attack, scene)
    _reset(scene)
    stopping = set()
    for layer in LAYERS:

        def behind(layer: str = layer) -> None:
            alone[layer]()
            attack.act(scene)

        fate = in_child(behind)
        _reset(scene)
        if not fate.succeeded:
            assert _refused(fate), (layer, fate)
            stopping.add(layer)
    expected = attack.stopped_by - ({"landlock"} if landlock.abi() < attack.abi else set())
    assert stopping == expected


def test_the_other_process_outlives_all_attacks(outside: tuple[int, str, int]) -> None:
    os.kill(outside[0], 0)
    with victim() as process:

        def murder() -> None:
            prepare().apply(LIMITS)
            os.kill(process, signal.SIGKILL)

        assert in_child(murder).error == "PermissionError"
        os.kill(process, 0)
