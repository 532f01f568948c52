"""Correlation of `Likeness` with human scores on public sets of short answers. No score is used to fit anything."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from grader.answers.likeness import Likeness

SETS = {
    "le_zh": "LE, Chinese, logistics",
    "saf_en": "SAF, English, communication networks",
    "beetle": "Beetle, English, circuits",
}


def correlations(folder: Path) -> None:
    print(f"{'set':40} {'split':6} {'answers':>8} {'questions':>10} {'Pearson r':>10}")
    for name, what in SETS.items():
        file = folder / f"{name}.jsonl"
        if not file.is_file():
            print(f"{what:40} not there: {file.name}")
            continue
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        graded = _graded(rows)
        for split in [*sorted({row["split"] for row in rows} - {"all"}), "all"]:
            part = [(score, row) for score, row in graded if split in ("all", row["split"])]
            r = statistics.correlation([score for score, _ in part], [row["score"] for _, row in part])
            print(f"{what:40} {split:6} {len(part):8} {len({row['qid'] for _, row in part}):10} {r:10.3f}")


def _graded(rows: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    asked = {row["qid"]: row for row in rows}
    # What is rare is learned from the references alone: nobody has graded them
    references = [text for row in asked.values() for text in row["reference"]]
    known = {qid: Likeness(row["question"], row["reference"], references) for qid, row in asked.items()}
    return [(known[row["qid"]].of(row["answer"]), row) for row in rows]
