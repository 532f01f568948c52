"""A disk that is full or may not be written: the verdict comes all the same, and nothing half written is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults_enclosure import filled, small_disk
from faults_ground import RIGHT, WRONG, Ground, kept_as, plain_words, verdict_of


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_no_room_for_the_journal(ground: Ground) -> None:
    share = ground.home / ".local/share"
    share.mkdir(parents=True)
    with ground.within(small_disk(share, "512k")):
        kept = [ground.run(RIGHT)]
        ballast = filled(ground.seen(share))
        for words in (["history"], ["journal", "export", "-"]):  # the database cannot even be made
            done = ground.practice(*words)
            assert done.returncode == 2, done.stdout
            plain_words(done.stderr, most=2)
        ballast.unlink()
        assert [kept_as(each) for each in ground.attempts()] == kept, "what waited is in the database"
        kept.append(ground.run(WRONG))

        ballast = filled(ground.seen(share))
        before = names(ground.seen(share))
        ground.write(RIGHT)
        done = ground.practice("run", "double", "--json")
        assert verdict_of(done)["outcome"] == "passed"
        assert "This attempt is not in the journal" in done.stderr
        assert "No space left on device" in done.stderr
        plain_words(done.stderr, most=1)
        assert names(ground.seen(share)) == before, "nothing half written"
        done = ground.practice("history")
        assert done.returncode == 2, done.stdout
        plain_words(done.stderr, most=2)
        ballast.unlink()
        kept.append(ground.run(RIGHT))
        assert [kept_as(each) for each in ground.attempts()] == kept


def test_no_room_for_an_attempt(ground: Ground) -> None:
    with ground.within(small_disk(ground.workspace)):
        attempt = ground.seen(ground.workspace) / "attempts/double.py"
        ballast = filled(ground.seen(ground.workspace))
        done = ground.practice("run", "double")
        assert done.returncode == 2, done.stdout
        assert "No space left on device" in done.stderr
        plain_words(done.stderr, most=2)
        assert not attempt.exists()
        ballast.unlink()
        assert ground.practice("run", "double").returncode == 0
        attempt.write_text(RIGHT)
        ballast = filled(ground.seen(ground.workspace))
        done = ground.practice("reset", "double")
        assert done.returncode == 2, done.stdout
        plain_words(done.stderr, most=2)
        assert attempt.read_text() == RIGHT
        assert [name for name in names(attempt.parent) if name not in ("backup", "double.py")] == []
        assert verdict_of(ground.practice("run", "double", "--json"))["outcome"] == "passed"


def test_no_room_for_temporary_files(ground: Ground) -> None:
    with ground.within(f"mount -t tmpfs -o size=4k,nr_inodes=1 none '{ground.temporary}'"):
        kept = [ground.run(WRONG), ground.run(RIGHT)]
        assert [each["outcome"] for each in kept] == ["failed", "passed"]
        assert names(ground.seen(ground.temporary)) == []
        assert [kept_as(each) for each in ground.attempts()] == kept


COMMANDS = ["", "list", "show double", "hint double", "history", "review", "solution double", "journal export -"]


def test_a_home_that_may_only_be_read(ground: Ground) -> None:
    with ground.within(f"mount -t tmpfs -o ro none '{ground.home}'"):
        for source, outcome in ((WRONG, "failed"), (RIGHT, "passed")):
            ground.write(source)
            done = ground.practice("run", "double", "--json")
            assert verdict_of(done)["outcome"] == outcome
            assert "Read-only file system" in done.stderr
            plain_words(done.stderr, most=1)
        for words in COMMANDS:
            done = ground.practice(*words.split())
            assert done.returncode in (0, 2), f"{words}: {done.stderr}"
            assert done.stdout or done.stderr
            plain_words(done.stderr, most=2)


@pytest.mark.parametrize("name", ["attempts", "home"])
def test_folders_of_somebody_else(ground: Ground, name: str) -> None:
    """A workspace, or a home, that is no folder at all."""
    if name == "attempts":
        for path in (ground.workspace / "attempts/double.py", ground.workspace / "attempts"):
            path.unlink() if path.is_file() else path.rmdir()
        (ground.workspace / "attempts").write_text("in the way")
        done = ground.practice("run", "double")
        assert done.returncode == 2
    else:
        (ground.home / ".local").write_text("in the way")
        done = ground.practice("run", "double", "--json")
        assert verdict_of(done)["outcome"] == "passed"
    plain_words(done.stderr, most=2)
