#!/usr/bin/env bash
# Writes ci.txt: every package that the whole suite needs, at one version, with the hashes that it may have.
# For Linux on x86-64 with Python 3.11, where CI runs, and the CPU build of torch: pip must be told where that is
# (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS), here and where the lock is installed.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pip-tools
mkdir "$work/project" "$work/project/grader"
cp ../pyproject.toml ../README.md ../LICENSE "$work/project"
touch "$work/project/grader/__init__.py"
"$work/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --extra dev --output-file "$work/ci.txt" "$work/project/pyproject.toml"
{
  echo "# Written by requirements/lock.sh. make LOCK=requirements/ci.txt installs it."
  # the kit itself, which its own extras name, and what pip-compile says of it
  awk '/^#/ { next } /^practice-llm/ { next } { print }' "$work/ci.txt"
} > ci.txt
grep -c '^[a-z]' ci.txt
