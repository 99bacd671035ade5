#!/bin/sh
# One step of an image's build, run as root in the container that builds it:
#   install.sh torch      makes the environment with PyTorch
#   install.sh packages   adds what requirements.lock names, and proves that all of it can be imported
#   install.sh further    adds the lines of requirements.txt, none of which may contradict the lock
# TORCH, TORCH_BACKEND and UV are arguments of the build. `settings` beside this file has those of pip and uv.
set -eu
here=$(dirname "$0")
environment=/opt/trainyard/environment
cache=/var/cache/trainyard
export UV_CACHE_DIR=$cache/uv UV_LINK_MODE=copy UV_NO_PROGRESS=1 UV_SYSTEM_CERTS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
. "$here/settings"

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  echo "The base image has $(python3 --version 2>&1); Python 3.10 or newer is needed." >&2
  exit 1
}

# uv stays in the cache and out of the image.
tools=$cache/uv-$UV
if [ ! -x "$tools/bin/uv" ]; then
  rm -rf "$tools" "$tools.new"
  python3 -m venv /tmp/tools
  /tmp/tools/bin/pip install --quiet --target "$tools.new" "uv==$UV"
  mv "$tools.new" "$tools"
  rm -rf /tmp/tools
fi
install() {
  "$tools/bin/uv" pip install --quiet --python "$environment" "$@"
}

case $1 in
torch)
  "$tools/bin/uv" venv --quiet --no-project --no-python-downloads --python python3 "$environment"
  # A wheel that was brought along may be for another Python than this one.
  install --no-deps --no-index --find-links "$here/wheels" "torch==$TORCH" 2>/dev/null ||
    install --torch-backend "$TORCH_BACKEND" "torch==$TORCH"
  ;;
packages)
  install --no-deps --require-hashes --requirements /requirements.lock
  # What a task imports. This leaves it compiled: nothing can be written here later, and each start would do it anew.
  unset PYTHONDONTWRITEBYTECODE
  "$environment/bin/python" -c 'import torch, transformers, peft, datasets, accelerate, torchao.quantization
from transformers import Trainer, AutoModelForCausalLM' 2>/tmp/said || { cat /tmp/said >&2; exit 1; }
  rm -f /tmp/said
  ;;
further)
  install --constraints /opt/trainyard/requirements.lock --requirements "$here/requirements.txt" "torch==$TORCH"
  ;;
esac
