"""Quantization through torchao: which configurations there are, how a model is quantized, saved and measured."""

import gc
import time
from pathlib import Path

from .attempt import Attempt
from .errors import user_error
from .formats import Dataset
from .models import BUILTIN_FOLDER, ModelSource, device_for, load_config, save_model, weights_bytes

PTQ_METHODS = ("int8_weight_only", "int8_dynamic")
QAT_BITS = (8, 4)
MEASURED_ROWS = 64


def refuse_quantized(source: ModelSource, config) -> None:
    if getattr(config, "quantization_config", None):
        raise user_error("quantized_model", f"{source.name} is quantized already.", "Give the model it was made from.")


def ptq_config(bits, method: str):
    """torchao's configuration; user errors unsupported_bits and unsupported_method name what there is."""
    if bits != 8:
        raise user_error(
            "unsupported_bits",
            f"ptq can't quantize to {bits} bits: here torchao would keep them in 8-bit containers and save nothing.",
            "Use bits 8 (methods int8_weight_only and int8_dynamic).",
        )
    if method not in PTQ_METHODS:
        raise user_error(
            "unsupported_method", f"ptq knows no method {method!r}.", f"Use one of {', '.join(PTQ_METHODS)}."
        )
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

    return Int8WeightOnlyConfig() if method == "int8_weight_only" else Int8DynamicActivationInt8WeightConfig()


def qat_config(bits):
    """Integer weights with one scale an output channel; user error unsupported_bits."""
    if bits not in QAT_BITS:
        raise user_error("unsupported_bits", f"qat can't train for {bits} bits.", "Use 8 or 4.")
    import torch
    from torchao.quantization import IntxWeightOnlyConfig
    from torchao.quantization.granularity import PerAxis

    return IntxWeightOnlyConfig(weight_dtype=torch.int8 if bits == 8 else torch.int4, granularity=PerAxis(0))


def quantize_and_save(attempt: Attempt, location: str, dtype, config, tokenizer, folder: Path) -> None:
    """Loads the model at `location` quantized and writes it to `folder`, in safetensors."""
    from transformers import AutoModelForCausalLM, TorchAoConfig

    attempt.progress("quantize")
    model = AutoModelForCausalLM.from_pretrained(
        location, dtype=dtype, quantization_config=TorchAoConfig(config), use_safetensors=True, trust_remote_code=False
    ).to(device_for(attempt))
    save_model(model, tokenizer, folder)
    del model
    gc.collect()


def reload(attempt: Attempt, folder: Path):
    """The saved model, read back from its files."""
    from transformers import AutoModelForCausalLM

    attempt.progress("reload")
    return AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True).to(device_for(attempt)).eval()


def measured(attempt: Attempt, model, tokenizer, examples: list[dict], folder: Path | None) -> dict:
    """{"perplexity", "tokens_per_second" (decoding, one sequence), "model_bytes"} of a loaded model."""
    from .measuring import decoding_speed, perplexity

    figures = {"perplexity": round(perplexity(attempt, model, tokenizer.pad_token_id, examples)["perplexity"], 4)}
    figures["tokens_per_second"] = round(decoding_speed(model), 1)
    if folder:
        figures["model_bytes"] = weights_bytes(folder)
    return figures


def measuring_dataset(attempt: Attempt) -> Dataset:
    """The dataset given, else builtin:squad-mini: what perplexity is measured on."""
    if "dataset_id" in attempt.inputs:
        return Dataset.open(attempt)
    attempt.message("No dataset is given: perplexity is measured on builtin:squad-mini's validation split.")
    splits = {"validation": {"file": "validation.jsonl"}}
    return Dataset(BUILTIN_FOLDER / "squad-mini", "squad", splits)


def config_of(source: ModelSource):
    config = load_config(source)
    refuse_quantized(source, config)
    return config


def since(started: float) -> float:
    return round(time.monotonic() - started, 2)
