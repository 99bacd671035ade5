"""The attempt folder: spec.json in; events.jsonl, artifacts/, checkpoint/ and result.json out."""

import json
import math
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from .errors import Interrupted, user_error

HEARTBEAT_SECONDS = 0.9


def finite(value):
    """The same JSON value with NaN and infinities replaced by null, which JSON can hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value) -> None:
    """Writes deterministic JSON: sorted keys, two spaces, a final newline."""
    text = json.dumps(finite(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


class Attempt:
    """One attempt of one task: its inputs, its resources, and the door for events and artifacts."""

    def __init__(self, folder: Path):
        self.folder = folder
        spec = read_json(folder / "spec.json")
        if spec.get("version") != 1:
            raise user_error("unknown_spec", f"spec.json has version {spec.get('version')!r}.", "Write version 1.")
        self.task_name: str = spec["task_name"]
        self.inputs: dict = {name: value for name, value in (spec.get("inputs") or {}).items() if value is not None}
        self.resources: dict = spec.get("resources") or {}
        self.limits: dict = spec.get("limits") or {}
        resume_from = spec.get("resume_from")
        self.resume_from: Path | None = folder / resume_from if resume_from else None
        self.stopping = False  # SIGTERM arrived
        self.saves_when_stopped = False  # a training loop is on and looks at `stopping` after each step
        self._lock = threading.RLock()
        self._progress: dict | None = None
        self._phase_started = (0.0, 0)
        self._written_at = 0.0
        self._closed = threading.Event()
        (folder / "artifacts").mkdir(exist_ok=True)
        threading.Thread(target=self._heartbeat, daemon=True).start()

    def resource(self, input_name: str, kind: str) -> tuple[Path, dict]:
        """Folder and metadata of the resource that an input names; user errors: missing_input, wrong_resource."""
        resource_id = self.inputs.get(input_name)
        if resource_id is None:
            raise user_error("missing_input", f"{self.task_name} needs {input_name}.", f"Give {input_name}.")
        entry = self.resources.get(resource_id)
        if entry is None or entry.get("kind") != kind:
            found = "nothing" if entry is None else f"a {entry.get('kind')}"
            raise user_error(
                "wrong_resource", f"{input_name} is {resource_id}, which is {found}.", f"Give the id of a {kind}."
            )
        return self.folder / entry["path"], entry.get("metadata") or {}

    def whole_number(self, input_name: str, default: int | None, low: int = 1) -> int | None:
        """An input that counts something; user error invalid_input unless it is a whole number from `low`."""
        value = self.inputs.get(input_name, default)
        if value is default:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or value < low:
            raise user_error("invalid_input", f"{input_name} is {value!r}.", f"Give a whole number from {low}.")
        return int(value)

    def artifact(self, name: str) -> Path:
        """An empty folder artifacts/<name> to write files into."""
        path = self.folder / "artifacts" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def message(self, text: str, level: str = "info") -> None:
        """Says something to the person who follows the run; level is info or warning."""
        print(f"{level}: {text}", flush=True)
        self._append({"type": "message", "time": now(), "level": level, "text": text})

    def progress(self, phase: str, step: int = 0, total: int | None = None, metrics: dict | None = None) -> None:
        """Says how far the phase is; written at most twice a second, and repeated while nothing changes."""
        with self._lock:
            clock = time.monotonic()
            if self._progress is None or self._progress["phase"] != phase:
                self._phase_started = (clock, step)
            started, first_step = self._phase_started
            eta = None
            if total and step > first_step:
                eta = round((clock - started) / (step - first_step) * (total - step), 1)
            new_phase = self._progress is None or self._progress["phase"] != phase
            merged = {} if new_phase else self._progress["metrics"]
            self._progress = {
                "phase": phase,
                "step": step,
                "total": total,
                "eta_seconds": eta,
                "metrics": {**merged, **(metrics or {})},
            }
            due = new_phase or step == total or clock - self._written_at > 0.5
        if due:
            self._write_progress()

    def ask_to_stop(self) -> None:
        """Handles SIGTERM: a training loop saves a checkpoint first, anything else is left at once."""
        self.stopping = True
        if not self.saves_when_stopped:
            raise Interrupted

    def close(self) -> None:
        self._closed.set()

    def _heartbeat(self) -> None:
        while not self._closed.wait(0.3):
            if self._progress and time.monotonic() - self._written_at > HEARTBEAT_SECONDS:
                self._write_progress()

    def _write_progress(self) -> None:
        with self._lock:
            self._written_at = time.monotonic()
            event = {"type": "progress", "time": now(), **self._progress}
        self._append(event)

    def _append(self, event: dict) -> None:
        line = json.dumps(finite(event), ensure_ascii=False, allow_nan=False) + "\n"
        with self._lock, open(self.folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(line)

    def write_result(self, result: dict) -> None:
        """result.json, whole or not at all: temporary name, fsync, rename."""
        self.close()
        temporary = self.folder / "result.json.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(finite({"version": 1, **result}), file, indent=2, ensure_ascii=False, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / "result.json")


def now() -> str:
    """The time as ISO 8601 in UTC with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
