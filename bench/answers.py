"""How well free text is graded: false accepts and false rejects, on the questions' own test answers or on others.

python bench/answers.py                           one table over all questions' own test answers
python bench/answers.py --questions gpt-3 gan     each test answer of these, with what was found in it
python bench/answers.py --answers FILE.yaml       other answers: a list of {id, question, language, kind, answer}
python bench/answers.py --public FOLDER           correlation with human scores on public sets (le_zh, saf_en, beetle)
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from grader.answers.compiled import Compiled
from grader.answers.grading import grade_compiled
from grader.answers.proof import prove
from grader.answers.result import ADEQUATE
from grader.content.questions import CONCEPTS, load_concepts, load_questions, load_rubric

NINE = ("pretraining-vs-finetuning", "self-attention", "multimodal-learning", "gan", "quantization", "sparsity")
NINE += ("bert-structure", "gpt-3", "multimodal-algorithm")
ROOT = Path(__file__).parents[1]
ACCEPTED = {"good", "brief", "full", "plain", "contrast", "paraphrase", "contrast_ok"}
REFUSED = {"negated", "wrong", "stuffed", "copied", "verbiage", "injected", "empty", "off_topic", "mixed"}


# For each kind and language: whether a point should be covered, and whether it is
Judged = dict[tuple[str, str], list[tuple[bool, bool]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", nargs="*")
    parser.add_argument("--questions-file", type=Path, nargs="*", default=[ROOT / "questions.yaml"])
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--public", type=Path)
    parser.add_argument("--quiet", action="store_true", help="the table only")
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--prove", action="store_true", help="what is wrong with each rubric")
    options = parser.parse_args()
    if options.public:
        from public_answers import correlations

        correlations(options.public)
        return
    concepts = load_concepts(ROOT / "solutions/questions" / CONCEPTS)
    questions = {}
    for file in options.questions_file:
        questions.update(load_questions(file))
    names = options.questions or list(questions)
    compiled = {}
    for name in names:
        path = ROOT / "solutions/questions" / f"{name}.yaml"
        if path.exists():
            compiled[name] = Compiled(load_rubric(path, concepts), concepts)
        else:
            print(f"{name}: no rubric")
    if options.prove:
        for name, each in compiled.items():
            others = [questions[id] for id in NINE if questions[id].blog != questions[name].blog]
            findings = prove(questions[name], each.rubric, concepts, others)
            print(f"{name}: {len(findings) or 'sound'}")
            for finding in findings if not options.quiet else ():
                print(f"    {finding.where}: {finding.what}\n        {finding.text}")
        return
    rows: list[tuple[str, str, str, float, str]] = []
    judged: Judged = defaultdict(list)
    times = []
    for test in _answers(options, compiled):
        if test["question"] not in compiled or (options.kinds and test["kind"] not in options.kinds):
            continue
        began = time.perf_counter()
        graded = grade_compiled(questions[test["question"]], compiled[test["question"]], test["answer"])
        times.append(time.perf_counter() - began)
        low, high = test.get("score") or ((ADEQUATE, 1) if test["kind"] in ACCEPTED else (0, ADEQUATE - 0.001))
        fine = low <= graded.score <= high
        fine = fine and all(p.status == test.get("points", {}).get(p.id, p.status) for p in graded.points)
        judged[test["kind"], test["language"]] += [
            (test["points"][point.id] == "covered", point.status == "covered")
            for point in graded.points
            if point.id in test.get("points", {})
        ]
        rows.append((test["question"], test["language"], test["kind"], graded.score, "ok" if fine else "MISSED"))
        if not options.quiet and (options.questions or not fine):
            _show(test, graded, fine, (low, high))
    _table(rows, judged)
    if times:
        print(f"\none answer graded: median {statistics.median(times) * 1000:.1f} ms, most {max(times) * 1000:.1f} ms")


def _answers(options: argparse.Namespace, compiled: dict[str, Compiled]) -> list[dict[str, Any]]:
    if options.answers:
        return yaml.safe_load(options.answers.read_text())
    return [
        {
            "question": name,
            "language": test.language,
            "kind": test.kind,
            "answer": test.answer,
            "score": (test.low, test.high),
            "points": test.points,
        }
        for name, each in compiled.items()
        for test in each.rubric.tests
    ]


def _show(test: dict[str, Any], graded: Any, fine: bool, wanted: tuple[float, float]) -> None:
    head = f"{'ok    ' if fine else 'MISSED'} {test['question']} {test['language']} {test['kind']}: {graded.score}"
    print(f"\n{head} (wanted {wanted[0]}-{wanted[1]}) {' '.join(graded.flags)}")
    print(f"  {test['answer']}")
    for point in graded.points:
        wanted_status = test.get("points", {}).get(point.id, "")
        note = f"   (wanted {wanted_status})" if wanted_status and wanted_status != point.status else ""
        print(f"    {point.status:12} {'*' if point.required else ' '}{point.id}{note}  | {point.evidence}")
    for each in graded.wrong:
        print(f"    WRONG        {each.misconception or 'reversed'}  | {each.quote}")


def _f1(points: list[tuple[bool, bool]]) -> str:
    """Of 'covered', over the points whose status the author says."""
    right = sum(wanted and found for wanted, found in points)
    either = sum(wanted for wanted, _ in points) + sum(found for _, found in points)
    return f"{2 * right / either:.2f} of {len(points)}" if either else "-"


def _table(rows: list[tuple[str, str, str, float, str]], points: Judged) -> None:
    groups: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for _, language, kind, score, fine in rows:
        groups[kind, language].append((score, fine))
    print(
        f"\n{'kind':12} {'lang':5} {'answers':>8} {'accepted':>9} {'as wanted':>10} {'mean score':>11} {'point F1':>13}"
    )
    for (kind, language), found in sorted(groups.items()):
        accepted = sum(score >= ADEQUATE for score, _ in found)
        fine = sum(each == "ok" for _, each in found)
        mean = statistics.mean(score for score, _ in found)
        shown = f"{kind:12} {language:5} {len(found):8} {accepted:9} {fine:10} {mean:11.2f}"
        print(f"{shown} {_f1(points[kind, language]):>13}")
    for what, kinds, want in (("false rejects", ACCEPTED, False), ("false accepts", REFUSED, True)):
        judged = [score for _, _, kind, score, _ in rows if kind in kinds]
        if judged:
            count = sum((score >= ADEQUATE) == want for score in judged)
            print(f"{what}: {count} of {len(judged)} ({count / len(judged):.1%})")


if __name__ == "__main__":
    main()
