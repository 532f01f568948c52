"""A real Chromium that is told what to do, as a person would with a mouse: by its own DevTools protocol."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from report_ground import chromium

PATIENCE = 120.0
# Whatever is not on this machine is not found: a page that asks for it is seen to ask, and does not wait.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--remote-debugging-port=0", "--remote-allow-origins=*", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


class Browser:
    """One page. `asked` are the addresses that it has asked for since it was opened."""

    def __init__(self, port: int) -> None:
        requests, websocket = pytest.importorskip("requests"), pytest.importorskip("websocket")
        pages = requests.get(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE).json()
        page = next(each for each in pages if each["type"] == "page")
        self._socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=PATIENCE)
        self._sent = 0
        self.asked: list[str] = []
        for domain in ("Page", "Network", "Runtime"):
            self._tell(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go there, and wait until it is loaded; what it fetches by itself may still come."""
        self.asked.clear()
        self._tell("Page.navigate", url=address)
        self.until(f"location.href.startsWith({address.split('?')[0]!r}) && document.readyState == 'complete'")

    def value(self, script: str) -> Any:
        """What a line of JavaScript comes to."""
        found = self._tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until a line of JavaScript is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"{script}\n{self.value('document.body.innerText')}"
            time.sleep(0.05)

    def close(self) -> None:
        self._socket.close()

    def _tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("method") == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])
            if said.get("id") == self._sent:
                assert "error" not in said, said["error"]
                answer: dict[str, Any] = said["result"]
                return answer


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`; the test is skipped where none is installed."""
    profile = folder / "profile"
    process = subprocess.Popen(
        [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        browser = Browser(_port(profile, process))
        yield browser
        browser.close()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """It writes where it listens into its profile."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return int((profile / "DevToolsActivePort").read_text().split()[0])
        except (OSError, IndexError):
            assert process.poll() is None, "Chromium has ended"
            assert time.monotonic() < deadline, "Chromium says nothing"
            time.sleep(0.05)
