"""Runs one task of the runtime as a runner would: an attempt folder in, result.json out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

RUNTIME = Path(__file__).resolve().parent.parent


def run_task(folder: Path, task_name: str, inputs: dict, resources: dict[str, tuple[str, Path]] | None = None) -> dict:
    """The outputs and resources of a successful attempt; SystemExit with the error of a failed one.

    resources: id → (kind, folder of files). Files go to `folder`, which is emptied first; log.txt is there, too.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "inputs").mkdir(parents=True)
    entries = {}
    for resource_id, (kind, path) in (resources or {}).items():
        shutil.copytree(path, folder / "inputs" / resource_id)
        entries[resource_id] = {"kind": kind, "path": f"inputs/{resource_id}", "metadata": {}}
    threads = os.cpu_count() or 1
    spec = {
        "version": 1,
        "task_id": "task_local",
        "attempt_id": "att_local",
        "task_name": task_name,
        "inputs": inputs,
        "resources": entries,
        "resume_from": None,
        "limits": {"cpu_threads": threads, "memory_mib": 8192, "gpus": []},
    }
    (folder / "spec.json").write_text(json.dumps(spec, indent=2))
    environment = {**os.environ, "PYTHONPATH": str(RUNTIME), "OMP_NUM_THREADS": str(threads)}
    with open(folder / "log.txt", "w") as log:
        command = [sys.executable, "-m", "trainyard_runtime", str(folder)]
        subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, check=True)
    result = json.loads((folder / "result.json").read_text())
    if result["status"] != "succeeded":
        raise SystemExit(f"{task_name}: {result['error']['message']} (see {folder / 'log.txt'})")
    return result
