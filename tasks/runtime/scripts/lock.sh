#!/bin/sh
# Writes both lock files: requirements.lock (everything a task needs but PyTorch, whose build depends on the machine)
# and requirements-dev.lock (its tests' tools). Needs uv.
set -eu
cd "$(dirname "$0")/.."
left_out="torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc
nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse
nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx"
uv="${UV:-uv} pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-annotate"
$uv pyproject.toml $(for name in $left_out; do echo "--no-emit-package $name"; done) --output-file requirements.lock
$uv --group dev --constraints requirements.lock --output-file requirements-dev.lock
