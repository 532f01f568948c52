"""A real Jupyter server with nbgrader's formgrader in it, over a course."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from course_ground import ASSIGNMENT, Ground

PATIENCE = 120.0
TOKEN = "for-this-test-only"
# nothing but what is looked at: an editor takes seconds to start
_OTHERS = ("jupyterlab", "jupyter_lsp", "notebook", "notebook_shim", "jupyter_server_terminals")


@dataclass(frozen=True)
class Formgrader:
    """Where it is, and what its REST interface says."""

    address: str

    def page(self, *words: str) -> str:
        """The address of a page, with the token that opens it."""
        return f"{self.address}formgrader/{'/'.join(quote(word, safe='') for word in words)}?token={TOKEN}"

    def api(self, *words: str, **query: str) -> Any:
        """What the REST interface answers."""
        requests = pytest.importorskip("requests")
        address = f"{self.address}formgrader/api/{'/'.join(quote(word, safe='') for word in words)}"
        answer = requests.get(address, params={**query, "token": TOKEN}, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def submission(self, student: str, notebook: str) -> str:
        """The id of a student's notebook, which is in the address of its page."""
        found = self.api("submitted_notebooks", ASSIGNMENT, notebook)
        return next(str(each["id"]) for each in found if each["student"] == student)


@contextmanager
def formgrading(ground: Ground) -> Iterator[Formgrader]:
    """Serves until the end of the block."""
    runtime = ground.root / "jupyter"
    log = ground.root / "jupyter.log"
    extensions = {"nbgrader.server_extensions.formgrader": True, **dict.fromkeys(_OTHERS, False)}
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port=0",
        "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={ground.folder}",
        f"--ServerApp.jpserver_extensions={extensions}",
    ]  # fmt: skip
    own = {f"JUPYTER_{name}": str(runtime / name) for name in ("RUNTIME_DIR", "CONFIG_DIR", "DATA_DIR")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ground.folder, env={**ground.variables, **own}, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield Formgrader(_address(runtime / "RUNTIME_DIR", process, log))
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _address(folder: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """The server writes it into a file, once it listens."""
    deadline = time.monotonic() + PATIENCE
    file = folder / f"jpserver-{process.pid}.json"
    while not file.is_file() or not file.stat().st_size:
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)
    return str(json.loads(file.read_text())["url"])
