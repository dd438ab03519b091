#!/bin/sh
# Install gVirtualXray and what it loads from the system into a .venv that is set up, so that its tests run: `sh .ci/gvxr.sh`.
# Where that cannot be done, it says so and the tests skip it: nothing fails here.
cd "$(dirname "$0")/.." || exit
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
python=.venv/bin/python
skip() { echo "$1: the tests with gVirtualXray are skipped"; exit 0; }

"$python" -m pip install --quiet --constraint constraints.txt --editable '.[gvxr]' || skip "gVirtualXray could not be installed"
libraries=$("$python" -c 'from ctsim.doctor import missing_libraries; print(*missing_libraries("gvxr"))') || skip "no ctsim in .venv"
[ -n "$libraries" ] || exit 0
if [ "$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root=sudo; else skip "only root can install $libraries"; fi
command -v apt-get >/dev/null || skip "there is no apt-get to install $libraries"
$as_root apt-get update -qq || echo "apt-get update failed; trying with the lists there are"
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $libraries >/dev/null || skip "apt-get failed"
