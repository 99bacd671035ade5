"""finetune: LoRA on all linear layers, loss on completions only; gives the merged model and the adapter."""

import time

from .. import formats
from ..attempt import Attempt
from ..errors import user_error
from ..examples import encode_rows
from ..settings import model_advice, resolve

WATCHED_ROWS = 128  # of the validation split, for the loss before and after


def run(attempt: Attempt) -> tuple[dict, dict]:
    started = time.monotonic()
    dataset = formats.Dataset.open(attempt)

    from ..models import (
        compute_dtype,
        keep_advice,
        load_config,
        load_model,
        load_tokenizer,
        measure,
        model_source,
        prepare_torch,
        save_model,
    )

    source = model_source(attempt)
    settings = resolve(attempt, model_advice(source.folder, "finetune"))
    device = prepare_torch(attempt)
    tokenizer = load_tokenizer(source)
    config = load_config(source)
    if getattr(config, "quantization_config", None):
        raise user_error(
            "quantized_model", f"{source.name} is quantized.", "Finetune the model it was made from, then quantize."
        )
    attempt.progress("tokenize")
    rows = dataset.rows(dataset.train_split)
    examples = encode_rows(attempt, rows, dataset.format, tokenizer, settings.max_seq_length)
    validation = None
    if dataset.validation_split:
        watched = dataset.rows(dataset.validation_split)[:WATCHED_ROWS]
        validation = encode_rows(attempt, watched, dataset.format, tokenizer, settings.max_seq_length)

    from ..adapters import given_adapter, new_adapter, save_adapter
    from ..training import set_seed, train_model

    base, saved_dtype = load_model(attempt, source, compute_dtype(attempt, config))
    set_seed(settings.seed)
    if "lora_id" in attempt.inputs:
        model = given_adapter(base, attempt.resource("lora_id", "lora")[0])
    else:
        model = new_adapter(base, settings)
    trained, _ = model.get_nb_trainable_parameters()
    attempt.message(
        f"LoRA on {source.name}: {trained:,} of {base.num_parameters():,} parameters, {len(examples):,} examples."
    )
    metrics = train_model(attempt, model, tokenizer.pad_token_id, examples, settings, validation)

    attempt.progress("save")
    save_adapter(model, attempt.artifact("lora"), source.name)
    merged = model.merge_and_unload().to(saved_dtype)
    folder = attempt.artifact("model")
    save_model(merged, tokenizer, folder)
    keep_advice(source, folder)
    metrics |= measure(folder, merged.num_parameters())
    metrics |= {"trained_parameters": trained, "device": device, "seconds": round(time.monotonic() - started, 2)}
    described = {"base_model": source.name, "dtype": str(saved_dtype).removeprefix("torch.")}
    model_metadata = {
        **described,
        "task": "finetune",
        "parameters": merged.num_parameters(),
        "settings": settings.as_dict(),
    }
    lora_metadata = {"base_model": source.name, "lora_rank": settings.lora_rank, "lora_alpha": settings.lora_alpha}
    resources = {
        "model_id": {"kind": "model", "path": "artifacts/model", "metadata": model_metadata},
        "lora_id": {"kind": "lora", "path": "artifacts/lora", "metadata": lora_metadata},
    }
    return {"metrics": metrics}, resources
