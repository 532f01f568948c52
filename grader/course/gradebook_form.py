"""Whether a gradebook has the tables of the nbgrader that is installed."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from grader.errors import Text


def missing(engine: sa.Engine, tables: Iterable[sa.Table]) -> tuple[str, str] | None:
    """The first table that lacks a column, or is not there at all, and that column."""
    there = sa.inspect(engine)
    for table in tables:
        known = {each["name"] for each in there.get_columns(table.name)} if there.has_table(table.name) else set()
        if lost := sorted(each.name for each in table.columns if each.name not in known):
            return table.name, lost[0]
    return None


def of_another_version(where: str, table: str, column: str) -> tuple[Text, Text]:
    """What to say of it, and what to do."""
    return (
        Text(
            f"{where}: of another version of nbgrader: {table} has no {column}",
            f"{where}：由其他版本的 nbgrader 建立：{table} 没有 {column}",
        ),
        Text("keep a copy of it, then run: nbgrader db upgrade", "请先备份，再运行 nbgrader db upgrade"),
    )
