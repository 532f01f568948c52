"""The journal as one JSON file, to keep or to take along.

Cards are not in it: they are made again from what is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from grader.errors import Text
from grader.journal.entries import TABLES, Entry, plain, read_entry
from grader.journal.home import JournalError

NAME = "practice journal"
FORMAT = 1


def dumped(entries: Sequence[Entry]) -> str:
    """All entries as JSON, one a line, oldest first: the same journal gives the same text."""
    parts = []
    for table in TABLES:
        rows = sorted(
            (plain(entry) for entry in entries if isinstance(entry, TABLES[table])),
            key=lambda row: (row["time"], row["id"]),
        )
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f'"{table}": [\n{lines}\n]' if lines else f'"{table}": []')
    return f'{{"journal": "{NAME}", "format": {FORMAT},\n' + ",\n".join(parts) + "}\n"


def loaded(text: str, name: str) -> list[Entry]:
    """The entries of a file that `dumped` wrote. JournalError, naming the place, for any other."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _refused(name, Text(f"is not JSON{line}", f"不是 JSON{line.replace(', line', '，第')}")) from None
    if not isinstance(found, dict) or found.get("journal") != NAME or not isinstance(found.get("format"), int):
        raise _refused(name, Text("is not an exported journal", "不是导出的日志"))
    if found["format"] > FORMAT:
        raise _refused(
            name,
            Text(
                "was exported by a later version of practice: update this one to read it",
                "由更新版本的 practice 导出：请升级后再读取",
            ),
        )
    entries = []
    for table in TABLES:
        rows = found.get(table, [])
        if not isinstance(rows, list):
            raise _refused(name, Text(f"{table} is not a list", f"{table} 不是列表"))
        for number, row in enumerate(rows, start=1):
            try:
                entries.append(read_entry(table, row))
            except ValueError as error:
                raise _refused(name, Text.same(f"{table}, {number}: {error}")) from None
    return entries


def _refused(name: str, why: Text) -> JournalError:
    return JournalError(Text(f"{name}: {why.en}", f"{name}：{why.zh}"))
