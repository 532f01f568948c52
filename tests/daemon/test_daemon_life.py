"""The daemon: started once, used by all, replaced when old, gone when told; whatever is killed costs one line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from daemon_world import HANGING, World, alive, children, family, gone, wait_for

from grader.daemon.protocol import send_line


def verdict(world: World, *words: str) -> dict[str, object]:
    done = world.practice("run", "double", "--json", *words)
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def without_times(verdict: dict[str, object]) -> dict[str, object]:
    checks = [{key: value for key, value in check.items() if key != "seconds"} for check in verdict["checks"]]
    return {**{key: value for key, value in verdict.items() if key != "seconds"}, "checks": checks}


def test_one_daemon_serves_command_after_command(world: World) -> None:
    world.write(world.reference())
    assert world.status() is None
    first = verdict(world)
    pid = world.daemon()
    second = verdict(world)
    assert world.daemon() == pid
    assert first["outcome"] == "passed"
    assert without_times(first) == without_times(second)


def test_without_daemon_none_is_started_and_the_verdict_is_the_same(world: World) -> None:
    world.write(world.reference().replace("factor", "factor", 1))
    alone = verdict(world, "--no-daemon")
    assert world.status() is None
    assert without_times(alone) == without_times(verdict(world))


def test_two_first_commands_at_once_start_one_daemon(world: World) -> None:
    world.write(world.reference())
    commands = [world.start("run", "double", "--json") for _ in range(4)]
    outcomes = [json.loads(command.communicate(timeout=300)[0])["outcome"] for command in commands]
    assert outcomes == ["passed"] * 4
    assert len(list((world.runtime / "practice").glob("*.sock"))) == 1
    assert world.status() is not None


def test_nothing_of_the_users_environment_goes_to_the_daemon(world: World) -> None:
    world.environment["SECRET_TOKEN"] = "do-not-tell"
    world.write(world.reference())
    verdict(world)
    told = {}
    for pid in family(world.daemon()):
        with contextlib.suppress(OSError):  # a worker on its way out
            told[pid] = Path(f"/proc/{pid}/environ").read_bytes()
    assert len(told) >= 2
    assert not any(b"do-not-tell" in words for words in told.values())


def test_the_socket_is_the_users_own(world: World) -> None:
    world.write(world.reference())
    verdict(world)
    (socket_file,) = (world.runtime / "practice").glob("*.sock")
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_file.parent.stat().st_mode) == 0o700


def test_a_runtime_directory_that_others_may_enter_is_not_used(world: World) -> None:
    (world.runtime / "practice").mkdir(mode=0o777)
    (world.runtime / "practice").chmod(0o777)
    world.write(world.reference())
    done = world.practice("run", "double")
    assert done.returncode == 0, done.stderr
    assert "No daemon" in done.stderr
    assert "private" in done.stderr


def test_an_unwritable_runtime_directory_falls_back_and_says_so(world: World) -> None:
    world.environment["PRACTICE_RUNTIME_DIR"] = "/proc/no-such-place"
    world.write(world.reference())
    done = world.practice("run", "double")
    assert done.returncode == 0, done.stderr
    assert "No daemon" in done.stderr


def test_a_full_disk_falls_back_and_says_so(world: World) -> None:
    full = world.root / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "none", str(full)], check=False).returncode:
        pytest.skip("making a full disk takes the right to mount one")
    try:
        world.environment["PRACTICE_RUNTIME_DIR"] = str(full)
        world.write(world.reference())
        done = world.practice("run", "double")
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert done.returncode == 0, done.stderr
    assert "No daemon: No space left on device" in done.stderr


def test_stop_ends_it_and_leaves_no_socket(world: World) -> None:
    world.write(world.reference())
    verdict(world)
    everything = family(world.daemon())
    assert len(everything) >= 2
    assert world.practice_daemon("stop").returncode == 0
    assert gone(everything)
    assert list((world.runtime / "practice").glob("*.sock")) == []
    assert world.practice_daemon("stop").returncode == 0


def test_an_edit_of_the_content_is_seen_without_a_restart(world: World) -> None:
    world.write(world.reference())
    before = verdict(world)
    pid = world.daemon()
    checks = world.content / "solutions/double/checks.py"
    checks.write_text(checks.read_text().replace("points=2", "points=7"))
    after = verdict(world)
    assert world.daemon() == pid
    assert float(str(after["max_points"])) == float(str(before["max_points"])) + 5
    assert after["content_version"] != before["content_version"]


def test_a_client_of_another_version_is_told_and_the_daemon_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grader.daemon import address
    from grader.daemon.protocol import LineReader

    world.write(world.reference())
    verdict(world)
    everything = family(world.daemon())
    monkeypatch.setenv("PRACTICE_RUNTIME_DIR", str(world.runtime))
    sock = address.connect()
    assert sock is not None
    with sock:
        send_line(sock, {"op": "run", "version": "another", "exercise": "double", "roots": [], "source": ""})
        assert LineReader(sock).read() == {"event": "stale"}
    assert gone(everything)
    assert verdict(world)["outcome"] == "passed"


def test_nonsense_from_a_client_does_not_end_the_daemon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from grader.daemon import address

    world.write(world.reference())
    verdict(world)
    pid = world.daemon()
    monkeypatch.setenv("PRACTICE_RUNTIME_DIR", str(world.runtime))
    for nonsense in (b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"op": "run"}\n', b'{"op": []}\n'):
        sock = address.connect()
        assert sock is not None
        with sock:
            sock.sendall(nonsense)
            sock.settimeout(30)
            sock.recv(4096)
    assert verdict(world)["outcome"] == "passed"
    assert world.daemon() == pid


# ------------------------------------------------------------------------ kills


def killed_in_the_middle(world: World, whom: str) -> tuple[int, str, list[int]]:
    """Run a submission that hangs, kill one process with SIGKILL: exit status, what is shown, and who was there."""
    world.write(HANGING.format(name="scale"))
    command = world.start("run", "double")
    wait_for(lambda: int(world.status() is not None))
    wait_for(lambda: asleep_below(world.nursery()))
    there = family(world.daemon())
    os.kill({"daemon": world.daemon, "nursery": world.nursery, "examiner": world.examiner}[whom](), signal.SIGKILL)
    shown, told = command.communicate(timeout=300)
    return command.returncode, shown + told, there


@pytest.mark.parametrize(("whom", "word"), [("daemon", "died"), ("nursery", "nursery"), ("examiner", "examiner died")])
def test_a_kill_costs_one_line_and_the_next_run_is_right(world: World, whom: str, word: str) -> None:
    status, told, there = killed_in_the_middle(world, whom)
    assert status == 3, told
    assert word in told
    assert "Traceback" not in told
    if whom == "daemon":
        assert gone(there)
    world.write(world.reference())
    retry = world.practice("run", "double", "--json")
    assert retry.returncode == 0, retry.stderr
    assert json.loads(retry.stdout)["outcome"] == "passed"
    assert (world.workspace / "attempts/double.py").read_text() == world.reference()


def test_a_daemon_killed_before_it_began_is_started_again(world: World) -> None:
    world.write(world.reference())
    verdict(world)
    pid = world.daemon()
    os.kill(pid, signal.SIGSTOP)  # it takes the request, and does nothing with it
    command = world.start("run", "double", "--json")
    time.sleep(2)
    os.kill(pid, signal.SIGKILL)
    output, told = command.communicate(timeout=300)
    assert json.loads(output)["outcome"] == "passed"
    assert "starting it again" in told
    assert world.daemon() != pid


def test_a_killed_worker_costs_its_check_and_is_not_the_submissions_fault(world: World) -> None:
    world.write(HANGING.format(name="scale"))
    command = world.start("run", "double", "--json")
    wait_for(lambda: int(world.status() is not None))
    world.examiner()
    # Each check that is left gets a worker of its own, which hangs again.
    for _ in range(3):
        os.kill(wait_for(lambda: asleep_below(world.nursery())), signal.SIGKILL)
    output, told = command.communicate(timeout=300)
    found = json.loads(output)
    assert command.returncode == 3, told
    assert [check["outcome"] for check in found["checks"]] == ["broken"] * 3
    assert "Something outside killed" in found["checks"][0]["message"]


def asleep_below(nursery: int) -> int:
    """A worker in the middle of its call: it sleeps by the clock, and does not wait for a request."""
    for pid in children(nursery):
        try:
            if "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() and alive(pid):
                return pid
        except OSError:
            continue
    return 0


def test_an_interrupted_client_leaves_no_process_behind(world: World) -> None:
    world.write(HANGING.format(name="scale"))
    command = world.start("run", "double")
    wait_for(lambda: int(world.status() is not None))
    at_work = [world.examiner(), world.worker()]
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=60)
    assert command.returncode == 130, told
    assert "Traceback" not in told
    assert gone(at_work)
    assert alive(world.daemon())


def test_a_stale_socket_is_no_error(world: World) -> None:
    world.write(world.reference())
    verdict(world)
    pid = world.daemon()
    os.kill(pid, signal.SIGKILL)
    assert gone([pid])
    assert len(list((world.runtime / "practice").glob("*.sock"))) == 1
    done = world.practice("run", "double")
    assert done.returncode == 0, done.stderr
    assert world.daemon() != pid


def test_clients_wait_their_turn_and_all_are_served(world: World) -> None:
    world.write(world.reference())
    verdict(world)
    commands = [world.start("run", "double", "--json") for _ in range(6)]
    for command in commands:
        output, told = command.communicate(timeout=300)
        assert json.loads(output)["outcome"] == "passed", told
    status = world.status()
    assert status is not None
    assert status["graded"] == 7
    assert status["examiners"] == 0


def test_workers_do_not_outlive_their_verdicts(world: World) -> None:
    world.write(world.reference())
    for _ in range(3):
        verdict(world)
    deadline = time.monotonic() + 30
    while children(world.nursery()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children(world.nursery()) == []
