"""A server on 127.0.0.1 that speaks what a judge needs of the chat completions protocol, and misbehaves when told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Turn:
    """One reply. `content`: what the model says; `body`: the whole of it, where it is no completion."""

    content: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0  # before anything is sent
    drip: float = 0.0  # between one byte and the next
    cut: bool = False  # after half of it

    @property
    def sent(self) -> bytes:
        if self.body is not None:
            return self.body
        if self.status != 200:
            return json.dumps({"error": {"message": "no", "type": "error"}}).encode()
        message = {"role": "assistant", "content": self.content}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json.dumps(
            {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        ).encode()


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def system(self) -> str:
        return self.body["messages"][0]["content"]

    @property
    def user(self) -> str:
        return self.body["messages"][1]["content"]


class Model:
    """Replies with its turns, one after another, the last of them for ever."""

    def __init__(self, *turns: Turn | Callable[[Request], Turn]) -> None:
        self._turns = list(turns)
        self.requests: list[Request] = []
        self.url = ""

    def next(self, request: Request) -> Turn:
        self.requests.append(request)
        turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        return turn(request) if callable(turn) else turn


@contextmanager
def serving(*turns: Turn | Callable[[Request], Turn]) -> Iterator[Model]:
    model = Model(*turns)
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            turn = model.next(
                Request(self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(body))
            )
            if stopped.wait(turn.wait):
                return
            sent = turn.sent
            self.send_response(turn.status)
            for name, value in {"content-type": "application/json", **turn.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.close_connection = True
            if turn.cut:
                sent = sent[: len(sent) // 2]
            if not turn.drip:
                self.wfile.write(sent)
                return
            for byte in sent:
                if stopped.is_set():
                    return
                self.wfile.write(bytes([byte]))
                time.sleep(turn.drip)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the client has gone: that is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
