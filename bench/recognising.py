"""What embeddings change (`practice ask --semantic`), and where their thresholds come from.

python bench/recognising.py                  the questions' own test answers, by the rules and with embeddings
python bench/recognising.py --without-terms  the same with rubrics that have phrasings only, as of a hurried author
python bench/recognising.py --calibrate      authors' phrasings, each held out: how many a margin takes for its own
                                             point, how many for another of the question, of wrong wordings, and of
                                             another topic
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from answers import ACCEPTED, REFUSED

from grader.answers import semantic
from grader.answers.compiled import Compiled
from grader.answers.embedding import vectors
from grader.answers.grading import grade_compiled
from grader.content.bank import Bank
from grader.content.question import Question, Rubric
from grader.errors import LANGUAGES

BANK = Bank([Path(__file__).parents[1]])
MARGINS = (0.005, 0.01, 0.015, 0.02, 0.03)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--without-terms", action="store_true")
    parser.add_argument("--questions", nargs="*")
    parser.add_argument("--show", action="store_true", help="each point that is lifted")
    options = parser.parse_args()
    chosen = [(BANK.questions[id], BANK.rubric(id)) for id in options.questions or BANK.questions]
    rubrics = [(question, rubric) for question, rubric in chosen if rubric]
    if options.calibrate:
        _calibrate(rubrics)
    else:
        _compare(rubrics, without_terms=options.without_terms, show=options.show)


def _compare(rubrics: list[tuple[Question, Rubric]], *, without_terms: bool, show: bool) -> None:
    recogniser = semantic.Semantic()
    table: dict[tuple[str, str], list[tuple[bool, bool, bool]]] = defaultdict(list)
    lifted: Counter[tuple[str, str, str]] = Counter()
    times: list[float] = []
    for question, rubric in rubrics:
        if without_terms:
            rubric = replace(rubric, points=tuple(replace(point, terms=()) for point in rubric.points))
        compiled = Compiled(rubric, BANK.concepts)
        for test in rubric.tests:
            rules = grade_compiled(question, compiled, test.answer)
            began = time.perf_counter()
            both = grade_compiled(question, compiled, test.answer, recogniser)
            times.append(time.perf_counter() - began)
            table[test.kind, test.language].append((True, rules.score >= 0.6, both.score >= 0.6))
            for one, other in zip(rules.points, both.points, strict=True):
                if one.status != other.status:
                    lifted[test.kind, one.status, other.status] += 1
                    if show:
                        print(f"{question.id} {test.language} {test.kind} {one.id}: {one.status} -> {other.status}")
                        print(f"    {other.evidence}")
    print(f"\n{'kind':12} {'lang':5} {'answers':>8} {'accepted: rules':>16} {'with embeddings':>16}")
    for (kind, language), found in sorted(table.items()):
        count, rules_accept, both_accept = (sum(column) for column in zip(*found, strict=True))
        print(f"{kind:12} {language:5} {count:8} {rules_accept:16} {both_accept:16}")
    for what, kinds, accepted in (("false rejects", ACCEPTED, False), ("false accepts", REFUSED, True)):
        rows = [row for (kind, _), found in table.items() if kind in kinds for row in found]
        rules_wrong, both_wrong = (sum(row[index] == accepted for row in rows) for index in (1, 2))
        print(f"{what}: {rules_wrong} of {len(rows)} by the rules, {both_wrong} with embeddings")
    print("\npoints lifted:", *(f"{kind} {a}->{b} {count};" for (kind, a, b), count in sorted(lifted.items())))
    print(
        f"one answer: median {np.median(times) * 1000:.0f} ms, most {max(times) * 1000:.0f} ms (first of its question)"
    )


def _calibrate(rubrics: list[tuple[Question, Rubric]]) -> None:
    """Each author's text as a sentence, compared with all the others of its rubric."""
    pairs: Counter[str] = Counter()
    taken: Counter[tuple[str, float]] = Counter()
    for question, rubric in rubrics:
        foreign = [
            other
            for asked, other in rubrics
            if asked.topic != question.topic and asked.blog != question.blog and other is not rubric
        ]
        for language in LANGUAGES:
            right = {point.id: point.phrasings[language] for point in rubric.points}
            wrong = [text for each in rubric.misconceptions for text in each.wordings[language]]
            texts = [("held out", id, text) for id, each in right.items() for text in each]
            texts += [("wrong wording", "", text) for text in wrong]
            texts += [
                ("other topic", "", other.points[0].phrasings[language][number % 6])
                for number, other in enumerate(foreign)
            ]
            for kind, own, text in texts:
                for name, margin in _margins(text, right, wrong, language):
                    row = ("own point" if name == own else "other point") if own else kind
                    pairs[row] += 1
                    for least in MARGINS:
                        taken[row, least] += margin >= least
    print(f"{'sentence, point':16} {'pairs':>8} " + " ".join(f"{f'>= {margin}':>9}" for margin in MARGINS))
    for row, count in pairs.items():
        print(f"{row:16} {count:8} " + " ".join(f"{taken[row, margin] / count:9.2%}" for margin in MARGINS))


def _margins(
    text: str, right: dict[str, tuple[str, ...]], wrong: list[str], language: str
) -> Iterator[tuple[str, float]]:
    """How much nearer it is to each point than to the others; -1 where it is too far, or nearer to a mistake."""
    vector = vectors([text], keep=True)[0]
    near = {}
    for id, each in right.items():
        rest = [phrasing for phrasing in each if phrasing != text]
        near[id] = vectors(rest, keep=True) @ vector
    against = [float(vectors([each], keep=True)[0] @ vector) for each in wrong if each != text]
    highest = max(float(each.max()) for each in near.values())
    for id, each in near.items():
        best = float(each.max())
        next_best = max((float(other.mean()) for name, other in near.items() if name != id), default=1.0)
        fine = best == highest and best >= semantic.NEAR[language]
        fine = fine and best >= max(against, default=0.0) + semantic.BEFORE_WRONG
        yield id, float(each.mean()) - next_best if fine else -1.0


if __name__ == "__main__":
    main()
