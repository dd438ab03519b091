#!/bin/sh
# `sh .ci/gpu.sh card`: make .venv ready for an NVIDIA card; exit 2 where there is none.
# `sh .ci/gpu.sh compiler`: put a card's compiler into a .venv that is set up, so that the kernels are compiled in the
# tests; it needs no card. Where it cannot be had, this says so and the test skips it: nothing fails here.
cd "$(dirname "$0")/.." || exit
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
install() { .venv/bin/python -m pip install --quiet --constraint constraints.txt "$@"; }

if [ "$1" = compiler ]; then
    install 'numba-cuda[cu13]' || echo "a card's compiler could not be installed: the test that compiles its kernels is skipped"
    exit 0
fi
if ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo "there is no NVIDIA card here (nvidia-smi lists none); make test-gpu and make bench-gpu need one" >&2
    exit 2
fi
sh .ci/venv.sh all && install --editable '.[gpu]'
