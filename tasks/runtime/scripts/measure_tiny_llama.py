"""What the demo promises, measured: base, finetuned and quantized tiny-llama on squad-mini.

python scripts/measure_tiny_llama.py [WORK_FOLDER]
"""

import sys
import tempfile
import time
from pathlib import Path

from front_door import run_task


def main(work: Path) -> None:
    seconds = {}

    def timed(name: str, *task) -> dict:
        started = time.monotonic()
        result = run_task(work / name, *task)
        seconds[name] = time.monotonic() - started
        return result["outputs"].get("metrics", {})

    timed("load_dataset", "load_dataset", {"dataset_path": "builtin:squad-mini"})
    dataset = {"ds": ("dataset", work / "load_dataset" / "artifacts" / "dataset")}
    on_dataset = {"dataset_id": "ds"}
    base = timed("evaluate base", "evaluate", {"model_name": "builtin:tiny-llama", **on_dataset}, dataset)
    timed("finetune", "finetune", {"model_name": "builtin:tiny-llama", **on_dataset}, dataset)
    finetuned = {"model": ("model", work / "finetune" / "artifacts" / "model")}
    better = timed("evaluate finetuned", "evaluate", {"model_id": "model", **on_dataset}, dataset | finetuned)
    timed("ptq", "ptq", {"model_id": "model"}, finetuned)
    quantized = {"model": ("model", work / "ptq" / "artifacts" / "model")}
    smaller = timed("evaluate int8", "evaluate", {"model_id": "model", **on_dataset}, dataset | quantized)

    print("model       exact match      F1      bytes")
    for name, metrics in (("base", base), ("finetuned", better), ("int8", smaller)):
        print(f"{name:10} {metrics['exact_match']:12.1f} {metrics['f1']:7.1f} {metrics['model_bytes']:10,}")
    print(", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="measure-")))
