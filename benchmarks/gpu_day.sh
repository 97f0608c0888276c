#!/usr/bin/env bash
# All that a GPU has to show, in under nine minutes: its tests, then a table of speeds.
# Usage: benchmarks/gpu_day.sh [options of `python -m benchmarks.gpu_day`]
# SSDIFF_SHARED names a folder with data/ (see docs/gpu.md); without it, no real pair is compared.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD:$PWD/models${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
timeout 150 python3 -m pytest -q -m gpu tests/cli/test_devices.py tests/models/diffusion/test_noise.py
tests=$?
timeout 380 python3 -m benchmarks.gpu_day "$@"
figures=$?
echo "tests: exit $tests, figures: exit $figures"
exit $((tests > figures ? tests : figures))
