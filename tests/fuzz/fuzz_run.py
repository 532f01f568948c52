"""Coverage-guided runs of one target, by atheris:

    python tests/fuzz/fuzz_run.py TARGET [--runs N] [--seconds N] [--seed N] [--corpus DIR] [--artifacts DIR]

A finding ends it with its input in DIR; kept under tests/fuzz/found/TARGET it is a test from then on, without atheris.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # the extra `dev`, where it has a wheel
import torch

sys.path.insert(0, str(Path(__file__).parent))
LONGEST = 8192


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--artifacts", type=Path, default=Path.cwd())
    options = parser.parse_args()
    watched = ["grader.wire", "grader.exam", "grader.content", "grader.journal", "grader.answers", "grader.course"]
    with atheris.instrument_imports(include=watched):
        import fuzz_targets
    torch.set_num_threads(1)
    target = fuzz_targets.TARGETS[options.target]
    corpus = options.corpus or Path(tempfile.mkdtemp(dir=fuzz_targets.folder()))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzz_targets.SEEDS[options.target]()):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [
        f"-runs={options.runs}",
        f"-max_len={LONGEST}",
        f"-seed={options.seed}",
        "-timeout=30",
        "-rss_limit_mb=6144",
    ]
    if options.seconds:
        limits += [f"-max_total_time={options.seconds}"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={options.artifacts}/", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
