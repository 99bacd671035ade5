"""ptq: quantizes a trained model to int8, saves it, reads it back and measures both."""

import gc
import time
from pathlib import Path

from .. import quantization
from ..attempt import Attempt
from ..examples import encode_rows

MAX_LENGTH = 1024


def run(attempt: Attempt) -> tuple[dict, dict]:
    started = time.monotonic()
    bits, method = attempt.inputs.get("bits", 8), attempt.inputs.get("method", "int8_weight_only")

    from ..models import count_parameters, keep_advice, load_model, load_tokenizer, model_source, prepare_torch

    source = model_source(attempt)
    dataset = quantization.measuring_dataset(attempt)
    device = prepare_torch(attempt)
    tokenizer = load_tokenizer(source)
    config = quantization.config_of(source)
    torchao_config = quantization.ptq_config(bits, method)
    rows = dataset.rows(dataset.evaluation_split)[: quantization.MEASURED_ROWS]
    length = min(getattr(config, "max_position_embeddings", MAX_LENGTH) or MAX_LENGTH, MAX_LENGTH)
    examples = encode_rows(attempt, rows, dataset.format, tokenizer, length)

    model, dtype = load_model(attempt, source)
    before = quantization.measured(attempt, model, tokenizer, examples, Path(source.folder) if source.folder else None)
    before.setdefault("model_bytes", sum(p.numel() * p.element_size() for p in model.parameters()))
    del model
    gc.collect()
    folder = attempt.artifact("model")
    quantization.quantize_and_save(attempt, source.location, dtype, torchao_config, tokenizer, folder)
    keep_advice(source, folder)
    after = quantization.measured(attempt, quantization.reload(attempt, folder), tokenizer, examples, folder)
    attempt.message(
        f"{method}: {before['model_bytes']:,} → {after['model_bytes']:,} bytes, "
        f"perplexity {before['perplexity']:.3f} → {after['perplexity']:.3f}, "
        f"{before['tokens_per_second']:.0f} → {after['tokens_per_second']:.0f} tokens/s."
    )
    parameters = count_parameters(config)
    metrics = {
        "before": before,
        "after": after,
        "size_ratio": round(after["model_bytes"] / before["model_bytes"], 4),
        "model_bytes": after["model_bytes"],
        "parameters": parameters,
        "device": device,
        "seconds": quantization.since(started),
    }
    metadata = {"base_model": source.name, "task": "ptq", "bits": 8, "method": method, "parameters": parameters}
    return {"metrics": metrics}, {"model_id": {"kind": "model", "path": "artifacts/model", "metadata": metadata}}
