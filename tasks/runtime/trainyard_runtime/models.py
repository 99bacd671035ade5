"""Models: where they come from, how they are loaded (safetensors only, no code of theirs), measured and saved."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .attempt import Attempt, read_json, write_json
from .errors import terminal_error, user_error
from .hub import explain_hub_error, use_cache_if_unreachable
from .settings import ADVICE_FILE

BUILTIN_FOLDER = Path(__file__).parent / "builtin"
BUILTIN_MODELS = ("tiny-llama",)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


@dataclass
class ModelSource:
    """Where a model's files are: `location` is a folder or a hub's owner/name; `name` is what people call it."""

    name: str
    location: str
    folder: Path | None


def model_source(attempt: Attempt) -> ModelSource:
    """The model that model_name or model_id means; user errors when both or neither or an unknown one is given."""
    given = [name for name in ("model_name", "model_id") if name in attempt.inputs]
    if len(given) != 1:
        found = "both" if given else "neither"
        raise user_error(
            "missing_input" if not given else "ambiguous_model",
            f"{attempt.task_name} takes model_name or model_id, and {found} is given.",
            "Give exactly one of them.",
        )
    if given == ["model_id"]:
        folder, metadata = attempt.resource("model_id", "model")
        return ModelSource(metadata.get("base_model") or attempt.inputs["model_id"], str(folder), folder)
    return named_model(attempt.inputs["model_name"])


def named_model(name: str) -> ModelSource:
    """builtin:NAME, a local folder, huggingface:owner/name or owner/name."""
    if name.startswith("builtin:"):
        short = name.removeprefix("builtin:")
        if short not in BUILTIN_MODELS:
            known = ", ".join(f"builtin:{known}" for known in BUILTIN_MODELS)
            raise user_error("unknown_builtin", f"There is no built-in model {short!r}.", f"Known: {known}.")
        return ModelSource(name, str(BUILTIN_FOLDER / short), BUILTIN_FOLDER / short)
    looks_local = name.startswith((".", "/", "~")) or Path(name).is_dir()
    if looks_local:
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise user_error(
                "model_not_found",
                f"The folder {name} is not a model: it has no config.json.",
                "Give a folder in Hugging Face format (config.json, tokenizer.json, *.safetensors), or owner/name.",
            )
        return ModelSource(folder.resolve().name, str(folder.resolve()), folder.resolve())
    use_cache_if_unreachable()
    return ModelSource(name.removeprefix("huggingface:"), name.removeprefix("huggingface:"), None)


def device_for(attempt: Attempt) -> str:
    """ "cuda" when the attempt was given GPUs, else "cpu"; never a silent fallback (terminal: gpu_unavailable)."""
    if not attempt.limits.get("gpus"):
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        raise terminal_error(
            "gpu_unavailable",
            "The task was given a GPU, but PyTorch sees none.",
            "Check the NVIDIA driver and that this environment has a CUDA build of PyTorch; "
            "a task that was given a GPU never falls back to the CPU.",
        )
    return "cuda"


def prepare_torch(attempt: Attempt) -> str:
    """Sets threads to the task's share of the cores, checks the device and returns it."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(int(attempt.limits.get("cpu_threads") or os.cpu_count() or 1))
    device = device_for(attempt)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    attempt.message(f"Runs on {name}.")
    return device


def load_tokenizer(source: ModelSource):
    """The model's tokenizer, with a padding token."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source.location, trust_remote_code=False)
    except Exception as error:
        raise explain_hub_error(error, "model", source.name) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(source: ModelSource):
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source.location, trust_remote_code=False)
    except Exception as error:
        raise explain_hub_error(error, "model", source.name) from error


def load_model(attempt: Attempt, source: ModelSource, dtype="auto"):
    """(model, its dtype as saved), in evaluation mode on the attempt's device.

    dtype: "auto" is the dtype it was saved in. Raises terminal model_too_large before a byte of weights is read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = load_config(source)
    check_memory(attempt, config, source, dtype)
    attempt.progress("load_model")
    saved_dtype = config.dtype or torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.location,
            config=config,
            dtype=saved_dtype if dtype == "auto" else dtype,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except Exception as error:
        raise explain_hub_error(error, "model", source.name) from error
    return model.to(device_for(attempt)).eval(), saved_dtype


def compute_dtype(attempt: Attempt, config):
    """The dtype to compute in.

    On a GPU the model's own, halves as bfloat16. On the CPU float32, where it is exact and fast; a model of 16 bits
    whose float32 would take more than four fifths of the task's memory is computed in bfloat16 instead, and says so.
    """
    import torch

    halves = config.dtype in (torch.float16, torch.bfloat16)
    if device_for(attempt) == "cuda":
        return torch.bfloat16 if halves or config.dtype is None else config.dtype
    limit = (attempt.limits.get("memory_mib") or 0) * 2**20
    if halves and limit and count_parameters(config) * 4 > 0.8 * limit:
        attempt.message("Computes in bfloat16: float32 would not fit into this task's memory.", "warning")
        return torch.bfloat16
    return torch.float32


def count_parameters(config) -> int:
    """The number of parameters of a model with this config, without allocating it."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config).num_parameters()


def check_memory(attempt: Attempt, config, source: ModelSource, dtype) -> None:
    """Terminal error model_too_large when the weights alone exceed the attempt's memory (or the GPU's)."""
    import torch

    if device_for(attempt) == "cuda":
        limit = sum(torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count()))
    else:
        limit = (attempt.limits.get("memory_mib") or 0) * 2**20
    if not limit:
        return
    try:
        parameters = count_parameters(config)
    except (ValueError, RuntimeError, NotImplementedError):
        return  # an architecture that can't be built without its weights: loading will tell
    itemsize = 1 if getattr(config, "quantization_config", None) else 4
    if isinstance(dtype, torch.dtype):
        itemsize = dtype.itemsize
    elif config.dtype is not None and itemsize != 1:
        itemsize = config.dtype.itemsize
    needed = parameters * itemsize
    if needed > limit:
        raise terminal_error(
            "model_too_large",
            f"{source.name} has {parameters / 1e9:.1f} billion parameters: its weights need "
            f"{needed / 2**30:.1f} GiB, and this task has {limit / 2**30:.1f} GiB.",
            "Use a smaller model or a machine with more memory.",
        )


def weights_bytes(folder: Path) -> int:
    """The size of the model's weight files in bytes."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def measure(folder: Path, parameters: int) -> dict:
    return {"model_bytes": weights_bytes(folder), "parameters": parameters}


def save_model(model, tokenizer, folder: Path) -> None:
    """Writes the model in Hugging Face format: the same weights give the same bytes."""
    model.config._name_or_path = ""
    model.save_pretrained(folder)
    tokenizer.name_or_path = ""
    tokenizer.save_pretrained(folder)
    for path in folder.glob("*.json"):
        settle_json(path)


def keep_advice(source: ModelSource, folder: Path) -> None:
    """Copies the recommended settings of a model's trainyard.json to the model made from it."""
    if source.folder and (source.folder / ADVICE_FILE).is_file():
        shutil.copyfile(source.folder / ADVICE_FILE, folder / ADVICE_FILE)


def settle_json(path: Path) -> None:
    """Rewrites a JSON file without the traces of this machine (paths, library's commit)."""
    content = read_json(path)
    if path.name == "tokenizer.json" or not isinstance(content, dict):
        return
    for trace in ("_name_or_path", "name_or_path", "_commit_hash", "is_local", "local_files_only"):
        content.pop(trace, None)
    write_json(path, content)
