#!/bin/sh
# Install GATE 10 into a .venv that is set up, so that its tests run: `sh .ci/gate.sh`. They need Geant4's data too: those
# in CTSIM_GEANT4_DATA, or in g4data of the tests' data; nothing is fetched.
# Where that cannot be done, it says so and the tests skip it: nothing fails here.
cd "$(dirname "$0")/.." || exit
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[gate]' ||
    echo "GATE could not be installed: the tests with it are skipped"
exit 0
