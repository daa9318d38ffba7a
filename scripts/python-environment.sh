#!/usr/bin/env bash
# Makes the Python environment with Kvartal and its development tools: python-environment.sh PYTHON VENV
set -euo pipefail
cd "$(dirname "$0")/.."
python="$1" venv="$2"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1 || echo missing)." >&2
  echo "Name another one with: make PYTHON=/path/to/python3.11 ..." >&2
  exit 2
fi

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  rm -rf "$venv"
  # Debian has the pip of new environments in a separate package.
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$venv"
  elif ! command -v apt-get >/dev/null; then
    echo "'$python -m venv' does not work: ensurepip is missing" >&2
    exit 2
  elif [ "$(id -u)" = 0 ] && [ "$(readlink -f "$(command -v "$python")")" = "$(readlink -f /usr/bin/python3)" ]; then
    echo "installing Debian package: python3-venv"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    "$python" -m venv "$venv"
  else
    [ -d .cache/debs/usr/share/python-wheels ] || bash scripts/unpack-debs.sh python3-pip-whl
    "$python" -m venv --without-pip "$venv"
    wheel=$(ls .cache/debs/usr/share/python-wheels/pip-*.whl)
    "$venv/bin/python" "$wheel/pip" install --quiet --disable-pip-version-check pip
  fi
fi

echo "installing into $venv: Kvartal with its development tools"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev]' 2>"$errors"; then
  cat "$errors" >&2
  exit 1
fi
