"""The front door for tests: `door(task, inputs, resources)` runs an attempt in this process and returns what it left."""

import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from trainyard_runtime.__main__ import main


@dataclass
class Outcome:
    """What an attempt left: its folder, exit code, result.json (None when there is none) and events."""

    folder: Path
    code: int
    result: dict | None
    events: list[dict]

    @property
    def error(self) -> dict:
        assert self.result["status"] == "failed", self.result
        return self.result["error"]

    @property
    def outputs(self) -> dict:
        assert self.result["status"] == "succeeded", self.result
        return self.result["outputs"]

    @property
    def metrics(self) -> dict:
        return self.outputs["metrics"]

    @property
    def messages(self) -> str:
        return "\n".join(event["text"] for event in self.events if event["type"] == "message")

    def resource(self, output: str) -> tuple[str, Path, dict]:
        entry = self.result["resources"][output]
        return entry["kind"], self.folder / entry["path"], entry["metadata"]


def write_spec(folder: Path, task_name: str, inputs: dict, resources: dict | None = None, **more) -> None:
    """An attempt folder with its spec.json; resources: id → (kind, folder, metadata)."""
    (folder / "inputs").mkdir(parents=True)
    entries = {}
    for resource_id, (kind, path, metadata) in (resources or {}).items():
        shutil.copytree(path, folder / "inputs" / resource_id)
        entries[resource_id] = {"kind": kind, "path": f"inputs/{resource_id}", "metadata": metadata}
    spec = {"version": 1, "task_id": "task_1", "attempt_id": "att_1", "task_name": task_name, "inputs": inputs}
    spec |= {"resources": entries, "resume_from": None}
    spec |= {"limits": {"cpu_threads": 1, "memory_mib": 4096, "gpus": []}, **more}
    (folder / "spec.json").write_text(json.dumps(spec))


def read_outcome(folder: Path, code: int) -> Outcome:
    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    result = folder / "result.json"
    lines = (folder / "events.jsonl").read_text().splitlines()
    return Outcome(
        folder,
        code,
        json.loads(result.read_text(), parse_constant=refuse) if result.exists() else None,
        [json.loads(line, parse_constant=refuse) for line in lines],
    )


@pytest.fixture(scope="session")
def door(tmp_path_factory):
    def run(task_name: str, inputs: dict, resources: dict | None = None, before=None, **more) -> Outcome:
        folder = tmp_path_factory.mktemp(task_name)
        write_spec(folder, task_name, inputs, resources, **more)
        if before:
            before(folder)
        try:
            return read_outcome(folder, main([str(folder)]))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return run


@pytest.fixture(scope="session")
def squad(door):
    """24 training and 12 validation rows of squad-mini, as a resource."""
    return door("load_dataset", {"dataset_path": "builtin:squad-mini", "max_samples": 24}).resource("dataset_id")


@pytest.fixture(scope="session")
def micro(door, squad):
    """A one-layer model trained for three steps: the smallest thing that every task can take."""
    inputs = {"dataset_id": "ds", "hidden_size": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 400}
    return door("train", {**inputs, "max_steps": 3, "batch_size": 4}, {"ds": squad})
