"""load_lora: an adapter from a local folder or the hub, checked and kept as a resource."""

import importlib
import shutil
from pathlib import Path

from ..adapters import ADAPTER_FILES
from ..attempt import Attempt, read_json
from ..errors import user_error
from ..hub import explain_hub_error, use_cache_if_unreachable


def run(attempt: Attempt) -> tuple[dict, dict]:
    lora_path = attempt.inputs.get("lora_path")
    if not lora_path:
        raise user_error("missing_input", "load_lora needs lora_path.", "Give a folder or huggingface:owner/name.")
    attempt.progress("read")
    found = local_files(lora_path) or hub_files(lora_path.removeprefix("huggingface:"))
    folder = attempt.artifact("lora")
    for name, path in found.items():
        shutil.copyfile(path, folder / name)
    config = read_json(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise user_error(
            "not_lora", f"{lora_path} is an adapter of type {config.get('peft_type')!r}.", "Give a LoRA adapter."
        )
    base_model = config.get("base_model_name_or_path")
    attempt.message(f"Adapter for {base_model}, rank {config.get('r')}.")
    metadata = {"base_model": base_model, "lora_rank": config.get("r"), "lora_alpha": config.get("lora_alpha")}
    return {"base_model": base_model}, {"lora_id": {"kind": "lora", "path": "artifacts/lora", "metadata": metadata}}


def local_files(lora_path: str) -> dict[str, Path] | None:
    """The adapter's files in a local folder; None when the path is a hub's owner/name."""
    folder = Path(lora_path).expanduser()
    if not folder.is_dir():
        if (
            lora_path.startswith((".", "/", "~"))
            or lora_path.count("/") != 1
            and not lora_path.startswith("huggingface:")
        ):
            raise user_error(
                "file_not_found", f"There is no folder {lora_path}.", "Check the path, or give huggingface:owner/name."
            )
        return None
    missing = [name for name in ADAPTER_FILES if not (folder / name).is_file()]
    if missing:
        raise user_error(
            "lora_incomplete",
            f"{lora_path} lacks {' and '.join(missing)}.",
            "Give a PEFT adapter saved as safetensors; pickled adapters are never loaded.",
        )
    return {name: folder / name for name in ADAPTER_FILES}


def hub_files(name: str) -> dict[str, Path]:
    use_cache_if_unreachable()
    hub = importlib.import_module("huggingface_hub")
    try:
        return {file: Path(hub.hf_hub_download(name, file)) for file in ADAPTER_FILES}
    except Exception as error:
        raise explain_hub_error(error, "lora", name) from error
