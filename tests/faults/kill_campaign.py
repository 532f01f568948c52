"""Seeded kills of every process that a verdict needs, and after each what must hold.

    python kill_campaign.py FOLDER --seed 1 --kills 40     one after the other, as a user's commands come
    python kill_campaign.py FOLDER --seed 1 --only 17      one of them alone

Each kill is drawn from the seed and its number: what is handed in, who is killed, and when, as a part of the time that
such a run usually takes. This process adopts whoever loses its parent, so no process can leave the family unseen.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faults_ground import (
    RIGHT,
    SUBMISSIONS,
    Broken,
    Ground,
    Verdict,
    adopt_orphans,
    below,
    command_of,
    described,
    end,
    is_free,
    kept_as,
    plain_words,
    settles,
    shared_memory,
    timeless,
    verdict_of,
)

CHEAP = ("client", "examiner", "worker")
EVERYBODY = (*CHEAP, "nursery", "daemon")
# A daemon or a nursery that starts again costs seconds of importing torch: of ten kills, so many are such.
DAEMON, NURSERY, COLD = 3, 6, 9
LATEST = 1.05  # of the usual time: a kill may also come when all is done


@dataclass(frozen=True)
class Plan:
    """One kill. `cold`: no daemon runs when the command starts. `moment`: of the time that this usually takes."""

    number: int
    submission: str
    victim: str
    moment: float
    cold: bool

    @classmethod
    def drawn(cls, seed: int, number: int) -> Plan:
        draw = random.Random(f"{seed}:{number}")
        cold = number % 10 == COLD
        chosen = {DAEMON: ("daemon",), NURSERY: ("nursery",), COLD: EVERYBODY}.get(number % 10, CHEAP)
        return cls(number, draw.choice(list(SUBMISSIONS)), draw.choice(chosen), draw.uniform(0, LATEST), cold)

    def __str__(self) -> str:
        state = "only starting" if self.cold else "warm"
        return f"{self.victim} killed at {self.moment:.2f} of '{self.submission}', the daemon {state}"


class Campaign:
    """A ground, what is right on it, and everything that its journal must hold."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.me = os.getpid()
        self.shared_memory = shared_memory()
        self.right: dict[str, Verdict] = {}
        self.usual: dict[tuple[str, bool], float] = {}
        self.shown: list[Verdict] = []
        self.came_of_it: collections.Counter[str] = collections.Counter()
        self.layered = False  # the nursery is two processes where it has entered namespaces

    def learn(self) -> None:
        """What is right, and how long it takes, while nobody is killed."""
        for name, source in SUBMISSIONS.items():
            for cold in (True, False) if name == "right" else (False, False):
                began = time.monotonic()
                self.right[name] = self.next_verdict(source)
                self.usual[name, cold] = time.monotonic() - began
        starting = self.usual["right", True] - self.usual["right", False]
        for name in SUBMISSIONS:
            self.usual[name, True] = self.usual[name, False] + starting
        self.layered = "namespaces" in self.right["right"]["isolation"]["layers"]

    def next_verdict(self, source: str) -> Verdict:
        found = self.ground.run(source)
        self.shown.append(found)
        return timeless(found)

    # ------------------------------------------------------------------ one kill

    def carry_out(self, plan: Plan) -> None:
        """Raises Broken when anything is not as it must be."""
        if plan.cold:
            self.stop()
        self.ground.write(SUBMISSIONS[plan.submission])
        began, kind = time.monotonic(), (plan.submission, plan.cold)
        client = self.ground.start("run", "double", "--json")
        killed = self.kill(plan, client, began + plan.moment * self.usual[kind])
        out, err = client.communicate(timeout=300)
        if not killed:  # the machine may have been busier when it was learned
            self.usual[kind] = min(self.usual[kind], time.monotonic() - began)
        result = self.told(plan, subprocess.CompletedProcess(client.args, client.returncode, out, err), killed)
        self.came_of_it[result] += 1
        self.look_around()
        if self.next_verdict(RIGHT) != self.right["right"]:
            raise Broken(f"the next verdict: {differences(timeless(self.shown[-1]), self.right['right'])}")
        self.look_into_journal()

    def kill(self, plan: Plan, client: subprocess.Popen[str], at: float) -> bool:
        """Wait for the moment, then for the victim, as long as the command runs. Whether anybody was killed."""
        while client.poll() is None:
            victim = self.victim(plan, client.pid) if time.monotonic() >= at else 0
            if victim:
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    return True
            time.sleep(0.001)
        return False

    def victim(self, plan: Plan, client: int) -> int:
        """The process that is to be killed; 0 where there is none now."""
        if plan.victim == "client":
            return client
        found = [pid for pid, part in self.parts().items() if part == plan.victim]
        # a nursery of two processes: either of them
        return found[plan.number // 10 % len(found)] if found else 0

    def parts(self) -> dict[int, str]:
        """What each process of a host's family is, by its command line and its place."""
        family = below(self.me)
        names = {pid: command_of(pid) for pid in family}
        depths: dict[int, int] = {}

        def depth(pid: int) -> int:
            """How many processes of a nursery lie above: the same command line all the way down."""
            if pid not in depths:
                above = family.get(pid, 0)
                depths[pid] = 1 + depth(above) if "grader.worker.nursery" in names.get(above, "") else 0
            return depths[pid]

        found = {}
        for pid, name in names.items():
            if "grader.daemon.host" in name:
                found[pid] = "examiner" if "grader.daemon.host" in names.get(family[pid], "") else "daemon"
            elif "grader.worker.nursery" in name:
                found[pid] = "nursery" if depth(pid) <= int(self.layered) else "worker"
        return found

    # ------------------------------------------------------------- what must hold

    def told(self, plan: Plan, done: subprocess.CompletedProcess[str], killed: bool) -> str:
        """The user got the one right verdict, or was told in plain words that there is none. Which of them."""
        if killed and plan.victim == "client" and done.returncode == -signal.SIGKILL:
            if done.stdout:
                self.shown.append(json.loads(done.stdout))
                self.must_be_right(plan, self.shown[-1])
            else:
                self.look_for_untold(plan)
            return "the client is dead"
        plain_words(done.stderr, most=4)
        if killed and done.returncode == 3:
            if not done.stdout:
                return "told that there is no verdict"
            verdict = verdict_of(done)
            self.shown.append(verdict)
            self.must_be_right(plan, verdict, but_for_broken=True)
            return "told what could not be checked"
        verdict = verdict_of(done)
        self.shown.append(verdict)
        self.must_be_right(plan, verdict)
        return "the right verdict" if killed else "the right verdict, nobody was there to be killed"

    def must_be_right(self, plan: Plan, verdict: Verdict, *, but_for_broken: bool = False) -> None:
        """The verdict on this submission; with `but_for_broken`, checks may say that the grader was at fault."""
        found, right = timeless(verdict), self.right[plan.submission]
        if found == right:
            return
        if plan.victim in ("worker", "nursery") and not found["diagnosis"]:
            # a favour, which nothing that goes wrong may turn into a fault
            right = {**right, "diagnosis": []}
        if but_for_broken:
            pairs = list(zip(found["checks"], right["checks"], strict=True))
            for mine, _ in pairs:
                if mine["outcome"] == "broken":
                    plain_words(mine["message"], most=2)
            kept = [mine if mine["outcome"] == "broken" else other for mine, other in pairs]
            right = {**right, "checks": kept, "outcome": "broken", "points": found["points"]}
        if found != right:
            raise Broken(f"the verdict has changed: {differences(found, right)}")

    def look_for_untold(self, plan: Plan) -> None:
        """A client that was killed may have written down its attempt, if so then the right one, and not shown it."""
        found = [kept_as(attempt) for attempt in self.ground.attempts()]
        for verdict in self.shown:
            if verdict in found:
                found.remove(verdict)
        if len(found) > 1:
            raise Broken(f"the journal holds {len(found)} attempts that nobody made")
        for verdict in found:
            self.must_be_right(plan, verdict)
            self.shown.append(verdict)

    def look_into_journal(self) -> None:
        """Each attempt whose verdict was shown, once and as it was shown, and nothing else."""
        kept = [kept_as(attempt) for attempt in self.ground.attempts()]
        if kept != self.shown:
            lost = [verdict for verdict in self.shown if verdict not in kept]
            strange = [verdict for verdict in kept if verdict not in self.shown]
            raise Broken(f"the journal: {len(kept)} attempts for {len(self.shown)}; lost {lost}, not shown {strange}")

    def look_around(self) -> None:
        """Nobody is left but one daemon and its nursery, at rest; no file, no shared memory."""
        if not settles(self.out_of_place):
            raise Broken(f"left: {self.out_of_place()}")
        temporary = sorted(path.name for path in self.ground.temporary.iterdir())
        shared = shared_memory() - self.shared_memory
        if temporary or shared:
            raise Broken(f"left in TMPDIR: {temporary}; in /dev/shm: {shared}")

    def out_of_place(self) -> str:
        self.bury()
        parts = self.parts()
        strangers = {pid: parent for pid, parent in below(self.me).items() if pid not in parts}
        count = collections.Counter(parts.values())
        if strangers or count["examiner"] or count["worker"] or count["daemon"] > 1:
            return f"{dict(count)} {described(strangers)}"
        return ""

    def bury(self) -> None:
        """Take leave of orphans that have died."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)  # no command of ours runs now
            except ChildProcessError:
                return
            if pid == 0:
                return

    def stop(self) -> None:
        """`practice daemon stop`, after which there is nothing any more."""
        done = self.ground.practice_daemon("stop")
        if done.returncode:
            raise Broken(f"daemon stop: {done.returncode} {done.stdout} {done.stderr}")

        def left() -> dict[int, int]:
            self.bury()
            return below(self.me)

        if not settles(left):
            raise Broken(f"after `daemon stop`: {described(left())}")
        self.look_around()
        runtime = self.ground.runtime / "practice"
        if sockets := list(runtime.glob("*.sock")):
            raise Broken(f"a socket is left: {sockets}")
        for lock in (runtime / "lock", self.ground.journal_folder / "lock"):
            if not is_free(lock):
                raise Broken(f"a lock is held: {lock}")

    def last_look(self) -> None:
        """Stopped, and with everything in the database: what stands beside it is what always does."""
        self.stop()
        self.look_into_journal()
        inbox = sorted(path.name for path in (self.ground.journal_folder / "inbox").iterdir())
        if inbox:
            raise Broken(f"left in the inbox: {inbox}")


def differences(found: Verdict, right: Verdict) -> list[str]:
    """What differs, part by part."""
    parts = [(key, found[key], right[key]) for key in right if key != "checks"]
    parts += [
        (f"{one['id']}.{key}", one[key], other[key])
        for one, other in zip(found["checks"], right["checks"], strict=True)
        for key in other
    ]
    return [f"{key} is {mine!r}, not {other!r}" for key, mine, other in parts if mine != other]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    adopt_orphans()
    campaign = Campaign(Ground(options.folder.absolute()))
    plan: Plan | None = None
    try:
        campaign.learn()
        for number in [options.only] if options.only is not None else range(options.kills):
            plan = Plan.drawn(options.seed, number)
            began = time.monotonic()
            campaign.carry_out(plan)
            print(f"{number}: {plan} ({time.monotonic() - began:.1f} s)", flush=True)  # noqa: T201 - how far it came
        campaign.last_look()
    except Exception as error:  # noqa: BLE001 - whatever it is, with the words that bring it back
        again = f"python {__file__} NEW_FOLDER --seed {options.seed} --only {plan.number if plan else 0}"
        print(f"{plan}\n{type(error).__name__}: {error}\nagain: {again}", flush=True)  # noqa: T201 - read by the test
        return 1
    finally:
        end(below(campaign.me))
        shutil.rmtree(campaign.ground.runtime)
    print(json.dumps(campaign.came_of_it))  # noqa: T201 - read by the test
    return 0


if __name__ == "__main__":
    sys.exit(main())
