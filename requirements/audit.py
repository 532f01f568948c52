"""Known holes in what CI installs: pip-audit over ci.txt. Exit status 1 where there is one.

    python requirements/audit.py

Where the database of holes cannot be reached, a line says so, and that is no failure: the same commit must pass on a
machine without a network.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "ci.txt"
PATIENCE_SECONDS = 180


def main() -> int:
    if importlib.util.find_spec("pip_audit") is None:
        return skipped("pip-audit is not installed")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--no-deps"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        dependencies = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return skipped("the database of known holes does not answer")
    except (ValueError, KeyError):
        said = done.stderr.strip().splitlines()
        return skipped(said[-1] if said else "pip-audit said nothing")
    known = [one for one in dependencies if "vulns" in one]
    if not known:
        return skipped("the database of known holes cannot be reached")
    holes = [(one, hole) for one in known for hole in one["vulns"]]
    for one, hole in holes:
        mended = ", ".join(hole.get("fix_versions", [])) or "no version yet"
        print(f"{one['name']} {one['version']}: {hole['id']}; mended in {mended}")
    left = len(dependencies) - len(known)
    print(
        f"pip-audit: {len(known)} packages, {len(holes)} known holes" + (f"; {left} not in the database" * bool(left))
    )
    return 1 if holes else 0


def skipped(why: str) -> int:
    print(f"pip-audit: skipped: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
