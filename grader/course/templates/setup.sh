#!/usr/bin/env bash
# Runs once, when Gradescope builds the image. AUTOGRADER: another place than /autograder, to try it out.
set -euo pipefail
root="${AUTOGRADER:-/autograder}"
here="$root/source"
venv="$root/venv"

if [ ! -x "$venv/bin/python" ]; then
  python=""
  for candidate in python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (@PYTHON@))' >/dev/null 2>&1; then
      python="$candidate"
      break
    fi
  done
  if [ -z "$python" ]; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y python3.11 python3.11-venv
    python=python3.11
  fi
  "$python" -m venv "$venv"
fi

# The build without CUDA is a tenth of the other.
if ! "$venv/bin/python" -c 'import torch' >/dev/null 2>&1; then
  "$venv/bin/python" -m pip install --quiet "@TORCH@" --index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
fi
wheel="$(ls "$here"/practice_llm-*.whl)"
"$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$wheel"
"$venv/bin/python" -m pip install --quiet "${wheel}[course]"

# The wheel holds the solutions: only the grader needs to read it, and what it was unpacked to.
chmod -R go-rwx "$here" "$venv/share/practice"

"$venv/bin/python" -P -m grader.cli.gradescope --try
