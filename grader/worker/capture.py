"""What a submission prints, kept in memory and bounded: there is no descriptor that it could be written to."""

from __future__ import annotations

import io

OUTPUT_LIMIT = 8 * 1024


class Capture(io.TextIOBase):
    """A text stream that keeps the first `OUTPUT_LIMIT` characters since it was last taken."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = OUTPUT_LIMIT - self._length
        if room > 0:
            self._parts.append(str(text)[:room])
            self._length += len(self._parts[-1])
            if len(text) > room:
                self._parts.append("\n…")
        return len(text)

    def take(self) -> str:
        """All that was printed since the last time."""
        if not self._parts:
            return ""
        text = "".join(self._parts)
        self._parts, self._length = [], 0
        return text
