"""Makes builtin:tiny-llama with the runtime's own train task: python scripts/make_tiny_llama.py [WORK_FOLDER].

It learns from 50,000 passages of the invented world and their summaries (45 MB of text, names of the pool
`pretraining` only) and never sees an answered question. About 25 minutes on two cores.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from front_door import RUNTIME, run_task
from small_world import World, pretraining_document

DOCUMENTS, SEED = 50_000, 0
SETTINGS = {
    "architecture": "llama",
    "hidden_size": 160,
    "num_layers": 4,
    "num_heads": 4,
    "vocab_size": 1024,
    "batch_size": 16,
    "max_seq_length": 320,
    "learning_rate": 2e-3,
    "max_steps": 1800,
    "seed": 0,
}
FOLDER = RUNTIME / "trainyard_runtime" / "builtin" / "tiny-llama"
LOGGED_EVERY = 50  # steps


def main(work: Path) -> None:
    world = World("pretraining", SEED)
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "documents.jsonl", "w") as file:
        file.writelines(json.dumps({"text": pretraining_document(world)}) + "\n" for _ in range(DOCUMENTS))
    run_task(work / "load_dataset", "load_dataset", {"dataset_path": str(work / "documents.jsonl")})
    dataset = ("dataset", work / "load_dataset" / "artifacts" / "dataset")
    result = run_task(work / "train", "train", {"dataset_id": "ds", **SETTINGS}, {"ds": dataset})
    install(work / "train", result)


def install(attempt: Path, result: dict) -> None:
    """Puts the trained model in its place, beside what it was trained with and how its loss fell."""
    for path in (attempt / "artifacts" / "model").iterdir():
        shutil.copyfile(path, FOLDER / path.name)
    losses = {}
    for line in (attempt / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "progress" and "loss" in event["metrics"]:
            step = event["step"]
            losses.setdefault(step - step % LOGGED_EVERY, event["metrics"]["loss"])
    log = {
        "documents": DOCUMENTS,
        "documents_seed": SEED,
        "settings": SETTINGS,
        "metrics": result["outputs"]["metrics"],
        "loss_by_step": losses,
    }
    (FOLDER / "training.json").write_text(json.dumps(log, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="tiny-llama-")))
