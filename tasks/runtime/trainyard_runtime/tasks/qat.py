"""qat: trains all weights while their quantization is simulated (torchao), then quantizes, saves and measures."""

import shutil
import time

from .. import formats, quantization
from ..attempt import Attempt
from ..examples import encode_rows
from ..settings import model_advice, resolve

DEFAULTS = {"learning_rate": 2e-5, "num_epochs": 1}
WATCHED_ROWS = 128


def run(attempt: Attempt) -> tuple[dict, dict]:
    started = time.monotonic()
    bits = attempt.inputs.get("bits", 8)
    dataset = formats.Dataset.open(attempt)

    from ..models import (
        compute_dtype,
        keep_advice,
        load_model,
        load_tokenizer,
        measure,
        model_source,
        prepare_torch,
        save_model,
    )

    source = model_source(attempt)
    settings = resolve(attempt, model_advice(source.folder, "qat"), DEFAULTS)
    if any(name.startswith("lora_") for name in attempt.inputs):
        attempt.message("qat trains all weights: the lora_ settings have no effect.", "warning")
    if bits == 4:
        attempt.message("4-bit values are kept one a byte: the file is no smaller than with 8 bits.", "warning")
    device = prepare_torch(attempt)
    tokenizer = load_tokenizer(source)
    config = quantization.config_of(source)
    torchao_config = quantization.qat_config(bits)
    attempt.progress("tokenize")
    examples = encode_rows(
        attempt, dataset.rows(dataset.train_split), dataset.format, tokenizer, settings.max_seq_length
    )
    watched = dataset.rows(dataset.evaluation_split)[:WATCHED_ROWS]
    validation = encode_rows(attempt, watched, dataset.format, tokenizer, settings.max_seq_length)

    import torch
    from torchao.quantization import quantize_
    from torchao.quantization.qat import QATConfig

    from ..training import train_model

    model, saved_dtype = load_model(attempt, source, compute_dtype(attempt, config))
    parameters = model.num_parameters()
    head = model.get_output_embeddings()  # stays as it is, and so do the embeddings it may share
    quantize_(
        model,
        QATConfig(torchao_config, step="prepare"),
        filter_fn=lambda module, _: isinstance(module, torch.nn.Linear) and module is not head,
    )
    metrics = train_model(
        attempt, model, tokenizer.pad_token_id, examples, settings, validation if dataset.validation_split else None
    )
    # A model converted to quantized weights can't be saved as it is (torchao 0.18): take the simulation off,
    # write plain weights, and quantize while reading them back.
    quantize_(model, QATConfig(step="convert"))
    plain = attempt.folder / "work" / "plain"
    save_model(model.to(saved_dtype), tokenizer, plain)
    folder = attempt.artifact("model")
    quantization.quantize_and_save(attempt, str(plain), saved_dtype, torchao_config, tokenizer, folder)
    shutil.rmtree(attempt.folder / "work")
    keep_advice(source, folder)
    after = quantization.measured(attempt, quantization.reload(attempt, folder), tokenizer, validation, folder)
    metrics |= {"perplexity": after["perplexity"], **measure(folder, parameters)}
    metrics |= {"device": device, "seconds": quantization.since(started)}
    metadata = {"base_model": source.name, "task": "qat", "bits": bits, "parameters": parameters}
    metadata["settings"] = settings.as_dict()
    return {"metrics": metrics}, {"model_id": {"kind": "model", "path": "artifacts/model", "metadata": metadata}}
