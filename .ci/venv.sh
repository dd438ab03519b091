#!/bin/sh
# Make .venv and install ctsim into it: `sh .ci/venv.sh core`, or `all` with everything that tests and lint use.
# Quick when nothing changed. Nothing outside .venv is touched, and nothing outside it is used.
set -eu
want=$1
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# a stamp tells what was installed, from what, and where: a folder that was moved or copied is set up anew
stamp() { cat pyproject.toml constraints.txt .ci/venv.sh | cksum; pwd -P; }
fresh() { [ -f ".venv/ctsim-$1" ] && [ "$(stamp)" = "$(cat ".venv/ctsim-$1")" ] && .venv/bin/python -c 'import ctsim' 2>/dev/null; }
if fresh all || { [ "$want" = core ] && fresh core; }; then exit 0; fi

if [ -e .venv ] || [ -L .venv ]; then
    if ! { cat .venv/ctsim-core .venv/ctsim-all 2>/dev/null | grep -qxF "$(pwd -P)" && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
        n=1
        while [ -e ".venv-other-$n" ] || [ -L ".venv-other-$n" ]; do n=$((n + 1)); done
        mv .venv ".venv-other-$n"
        echo "found a .venv that was not made here: it is kept as .venv-other-$n"
    fi
fi
if [ ! -d .venv ]; then
    found=
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$python; break; fi
    done
    if [ -z "$found" ]; then
        echo "ctsim needs Python 3.11 or newer; none was found. Install it, or name it: make PYTHON=/path/to/python3" >&2
        exit 2
    fi
    "$found" -m venv .venv || {
        rm -rf .venv
        echo "'$found -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 2
    }
    # marked as ours before the long part, so that an interrupted installation is gone on with
    { echo unfinished; pwd -P; } > .venv/ctsim-core
fi
if [ "$want" = core ]; then what=.; else what='.[test]'; fi
echo "installing ctsim ($want) into .venv; this takes a minute or two the first time"
.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable "$what"
if [ "$want" = all ]; then stamp > .venv/ctsim-all; fi
stamp > .venv/ctsim-core
