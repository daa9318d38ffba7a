#!/usr/bin/env bash
# Makes the Python environment: python-environment.sh PYTHON VENV
set -euo pipefail
python="$1" venv="$2"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1 || echo missing)" >&2
  exit 2
fi
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" 2>/dev/null; then
    # Debian keeps ensurepip in a package of its own.
    rm -rf "$venv"
    if [ "$(id -u)" = 0 ]; then
      echo "installing: python3-venv"
      apt-get update -qq
      apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
      "$python" -m venv "$venv"
    else
      echo "unpacking into .cache: virtualenv"
      "$python" -m pip install --quiet --target .cache/virtualenv virtualenv 2>/dev/null || {
        mkdir -p .cache/debs
        (cd .cache/debs && apt-get download -qq python3-pip-whl python3-setuptools-whl)
        for deb in .cache/debs/python3-*-whl_*.deb; do dpkg -x "$deb" .cache/debs; done
        "$python" -m venv --without-pip "$venv"
        wheel=$(ls .cache/debs/usr/share/python-wheels/pip-*.whl | head -1)
        "$venv/bin/python" "$wheel/pip" install --quiet --no-index --find-links .cache/debs/usr/share/python-wheels pip
      }
      [ -x "$venv/bin/python" ] || PYTHONPATH=.cache/virtualenv "$python" -m virtualenv --quiet "$venv"
    fi
  fi
fi
echo "installing into $venv: kvartal with its development tools"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev]'
