#!/bin/sh
# SPDX-License-Identifier: MIT
# Files between PyTorch and the library, both ways, where a Python with PyTorch is there. check_torch.sh SOURCE_DIRECTORY PROGRAM
set -u
for python in python3 /usr/bin/python3; do
    if "$python" -c 'import torch' >/dev/null 2>&1; then
        exec "$python" "$1/tests/store/torch_trip.py" "$2"
    fi
done
echo "skipped: no Python with PyTorch"
echo "[  SKIPPED ] 1 test(s)"
