#!/bin/sh
# Install Ray, the way to S3 and a store to try it on into a .venv that is set up, so that their tests run:
# `sh .ci/cluster.sh`. Where that cannot be done, it says so and the tests skip it: nothing fails here.
cd "$(dirname "$0")/.." || exit
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[cluster]' 'moto[s3]' flask flask-cors ||
    echo "Ray, s3fs or moto could not be installed: the tests with them are skipped"
exit 0
