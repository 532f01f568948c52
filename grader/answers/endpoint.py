"""One question to a model behind an OpenAI-compatible endpoint, through the official client.

A reply or `Failed`, within a time, whatever the server does. What failed is said in words of our own: errors of the
client may quote the key, the address or the answer.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

from grader.errors import Text

MODEL = "gpt-4o-mini"  # where PRACTICE_JUDGE_MODEL names none
SECONDS = 30.0  # for one request; PRACTICE_JUDGE_TIMEOUT
ATTEMPTS = 2
PAUSE = 0.5  # before the second
LONGEST_PAUSE = 5.0  # whatever Retry-After asks for
MOST_BYTES = 1_000_000  # of a reply
# They quote whole requests when somebody turns them on
_LOGGERS = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")

INSTALL = "pip install 'practice-llm[judge]'"


class Failed(Exception):
    """No reply that can be used. `why` completes 'the judge failed: ...'."""

    def __init__(self, why: Text) -> None:
        self.why = why
        super().__init__(why.en)


class _TryAgain(Failed):
    """It may work the second time."""

    def __init__(self, why: Text, pause: float = PAUSE, *, plain: bool = False) -> None:
        super().__init__(why)
        self.pause = pause
        self.plain = plain  # as it is, the server does not take it


_TIMED_OUT = Text("no reply in time", "等待回复超时")
_UNREACHABLE = Text("the server cannot be reached", "连不上服务器")
_BROKEN_OFF = Text("no complete reply", "没有收到完整的回复")
_UNREADABLE = Text("the reply is not a chat completion", "返回的内容不是聊天补全的格式")
_STATUSES = {
    401: Text("the key is refused", "密钥被拒绝"),
    403: Text("access is refused", "没有访问权限"),
    404: Text("no such model or address", "没有这个模型或地址"),
    429: Text("too many requests, or no credit left", "请求过多，或额度已用完"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is, and which."""

    key: str = field(repr=False)
    base_url: str | None = field(default=None, repr=False)  # may hold a password
    model: str = MODEL
    seconds: float = SECONDS

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Endpoint:
        """Failed where there is no key; a server of one's own needs none."""
        base_url = environment.get("OPENAI_BASE_URL", "").strip() or None
        key = environment.get("OPENAI_API_KEY", "").strip()
        if not key and not base_url:
            raise Failed(Text("OPENAI_API_KEY is not set", "没有设置 OPENAI_API_KEY"))
        model = environment.get("PRACTICE_JUDGE_MODEL", "").strip() or MODEL
        try:
            seconds = float(environment.get("PRACTICE_JUDGE_TIMEOUT", "") or SECONDS)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= 3600:
            raise Failed(
                Text("PRACTICE_JUDGE_TIMEOUT is no number of seconds", "PRACTICE_JUDGE_TIMEOUT 不是有效的秒数")
            )
        return cls(key or "none", base_url, model, seconds)

    def reply(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> str:
        """What the model says. At most two requests; the second without the schema where a server knows none."""
        openai = _client()
        plain = False
        for attempt in range(ATTEMPTS):
            request: dict[str, Any] = {"model": self.model, "messages": messages}
            if not plain:
                request["temperature"] = 0
                form = {"name": "grade", "strict": True, "schema": schema}
                request["response_format"] = {"type": "json_schema", "json_schema": form}
            try:
                return _content(_within(self.seconds, partial(self._body, openai, request)))
            except _TryAgain as error:
                if attempt + 1 == ATTEMPTS:
                    raise
                plain = error.plain
                time.sleep(error.pause)
        raise AssertionError("the last attempt returns or raises")

    def _body(self, openai: ModuleType, request: dict[str, Any]) -> bytes:
        body = bytearray()
        try:
            with (
                openai.OpenAI(api_key=self.key, base_url=self.base_url, timeout=self.seconds, max_retries=0) as client,
                client.chat.completions.with_streaming_response.create(**request) as response,
            ):
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise Failed(Text("the reply is too long", "回复太长"))
        except openai.APITimeoutError:
            raise _TryAgain(_TIMED_OUT) from None
        except openai.APIConnectionError:
            raise _TryAgain(_UNREACHABLE) from None
        except openai.APIStatusError as error:
            raise _of_status(error.status_code, error.response.headers.get("retry-after", "")) from None
        except Failed:
            raise
        except Exception:  # noqa: BLE001 - a body cut off, a key that no header can hold; what it says may hold the key
            raise _TryAgain(_BROKEN_OFF) from None
        return bytes(body)


def _client() -> ModuleType:
    """The client's package, kept from logging."""
    try:
        import openai as client
    except ImportError:
        raise Failed(Text(f"the package openai is missing: {INSTALL}", f"没有安装 openai：{INSTALL}")) from None
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    module: ModuleType = client
    return module


def _within(seconds: float, call: Callable[[], bytes]) -> bytes:
    """The result of the call. A server that sends a byte now and then keeps the client's own timeouts from ending."""
    box: queue.SimpleQueue[bytes | Failed] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put(call())
        except Failed as error:
            box.put(error)

    threading.Thread(target=run, daemon=True, name="judge").start()
    try:
        found = box.get(timeout=seconds)
    except queue.Empty:
        raise _TryAgain(_TIMED_OUT) from None
    if isinstance(found, Failed):
        raise found
    return found


def _of_status(status: int, retry_after: str) -> Failed:
    what = _STATUSES.get(status)
    if what is None and status >= 500:
        what = Text("an error of the server", "服务器出错")
    why = Text(*(f"HTTP {status}" + (f" ({what.say(language)})" if what else "") for language in ("en", "zh")))
    if status in (400, 422):
        return _TryAgain(why, 0.0, plain=True)  # json_schema is not known everywhere, nor is a temperature
    if status in (408, 409, 429) or status >= 500:
        pause = float(retry_after) if retry_after.isdecimal() else PAUSE
        return _TryAgain(why, min(pause, LONGEST_PAUSE))
    return Failed(why)


def _content(body: bytes) -> str:
    """The text of a chat completion's first choice."""
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Failed(_UNREADABLE) from None
    if not isinstance(content, str):
        raise Failed(_UNREADABLE)
    return content
