"""No /proc: what cannot be measured there is said, and the verdict is the same."""

from __future__ import annotations

from faults_ground import CRASHES, RIGHT, SLEEPS, WRONG, Ground, kept_as, plain_words, timeless


def test_a_machine_without_proc(ground: Ground) -> None:
    sources = (RIGHT, WRONG, SLEEPS, CRASHES)
    with_it = [ground.run(source) for source in sources]
    before = len(with_it)
    ground.practice_daemon("stop")
    with ground.within("mount -t tmpfs none /proc"):
        without = [ground.run(source) for source in sources]
        for found, known in zip(without, with_it, strict=True):
            assert {**timeless(found), "isolation": {}} == {**timeless(known), "isolation": {}}
            # How much memory is in use stands in /proc, and without that a limit cannot be set.
            assert found["isolation"]["level"] == "partial"
            assert "rlimits" not in found["isolation"]["layers"]
        for words in ((), ("history",), ("list",), ("hint", "double")):
            done = ground.practice(*words)
            assert done.returncode == 0, done.stderr
            plain_words(done.stderr, most=2)
        doctor = ground.practice("doctor")
        assert "mount /proc" in doctor.stdout
        plain_words(doctor.stderr, most=2)
        assert [kept_as(each) for each in ground.attempts()][before:] == without
        assert ground.told_daemon()
