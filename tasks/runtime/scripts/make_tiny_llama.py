"""Makes builtin:tiny-llama with the runtime's own train task: python scripts/make_tiny_llama.py [WORK_FOLDER].

It learns from passages of the invented world and their summaries (names of the pool `pretraining` only) and never
sees an answered question. The first stage makes it read; copying names out of the passage emerges around step 700.
The second goes on with whole passages, each summed up twice, until it copies years and goods, too, and keeps two
subjects apart. About 40 minutes on two cores.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from front_door import RUNTIME, run_task
from small_world import World, pretraining_document

SHAPE = {"architecture": "llama", "hidden_size": 160, "num_layers": 4, "num_heads": 4, "vocab_size": 1024}
STAGES = [
    {
        "documents": {"count": 50_000, "seed": 0, "summaries": 1},
        "inputs": {
            **SHAPE,
            "batch_size": 16,
            "max_seq_length": 320,
            "learning_rate": 2e-3,
            "max_steps": 1800,
            "seed": 0,
        },
    },
    {
        "documents": {"count": 16_000, "seed": 1, "summaries": 2},
        "inputs": {
            "packing": False,
            "batch_size": 16,
            "max_seq_length": 448,
            "learning_rate": 1.5e-3,
            "max_steps": 1000,
            "seed": 0,
        },
    },
]
FOLDER = RUNTIME / "trainyard_runtime" / "builtin" / "tiny-llama"
LOGGED_EVERY = 50  # steps


def main(work: Path) -> None:
    log, model = [], {}
    for number, stage in enumerate(STAGES, start=1):
        folder = work / f"stage-{number}"
        dataset = write_documents(folder, **stage["documents"])
        inputs = {"dataset_id": "ds", **stage["inputs"], **({"model_id": "model"} if model else {})}
        result = run_task(folder / "train", "train", inputs, {"ds": ("dataset", dataset), **model})
        model = {"model": ("model", folder / "train" / "artifacts" / "model")}
        log.append({**stage, "metrics": result["outputs"]["metrics"], "loss_by_step": losses(folder / "train")})
    for path in model["model"][1].iterdir():
        shutil.copyfile(path, FOLDER / path.name)
    (FOLDER / "training.json").write_text(json.dumps(log, indent=2) + "\n")


def write_documents(folder: Path, count: int, seed: int, summaries: int) -> Path:
    """The stage's text as a dataset resource."""
    world = World("pretraining", seed)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "documents.jsonl", "w") as file:
        file.writelines(json.dumps({"text": pretraining_document(world, summaries)}) + "\n" for _ in range(count))
    run_task(folder / "load_dataset", "load_dataset", {"dataset_path": str(folder / "documents.jsonl")})
    return folder / "load_dataset" / "artifacts" / "dataset"


def losses(attempt: Path) -> dict[int, float]:
    """The loss at about every 50th step, from the attempt's events."""
    found: dict[int, float] = {}
    for line in (attempt / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "progress" and "loss" in event["metrics"]:
            found.setdefault(event["step"] - event["step"] % LOGGED_EVERY, event["metrics"]["loss"])
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="tiny-llama-")))
