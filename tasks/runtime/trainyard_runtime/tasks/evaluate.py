"""evaluate: how well a model does on a dataset: exact match and F1 of its answers, perplexity of the text."""

import time

from .. import answers, formats
from ..attempt import Attempt, write_json
from ..errors import user_error
from ..examples import encode_rows, starts_with_bos

METRICS = ("exact_match", "f1", "perplexity")
DEFAULT_METRICS = {"squad": ("exact_match", "f1"), "text": ("perplexity",)}
NEW_TOKENS = {"squad": 32}
SHOWN_EXAMPLES = 20


def run(attempt: Attempt) -> tuple[dict, dict]:
    started = time.monotonic()
    dataset = formats.Dataset.open(attempt)
    max_samples = attempt.whole_number("max_samples", None)
    wanted = wanted_metrics(attempt.inputs.get("metrics"), dataset.format)

    from ..models import (
        compute_dtype,
        load_config,
        load_model,
        load_tokenizer,
        model_source,
        prepare_torch,
        weights_bytes,
    )

    source = model_source(attempt)
    device = prepare_torch(attempt)
    tokenizer = load_tokenizer(source)
    config = load_config(source)
    quantized = getattr(config, "quantization_config", None)
    model, _ = load_model(attempt, source, "auto" if quantized else compute_dtype(attempt, config))
    rows = dataset.rows(dataset.evaluation_split)[:max_samples]
    attempt.message(f"Evaluates {source.name} on {len(rows):,} rows of the {dataset.evaluation_split} split.")

    measured, shown = {}, []
    if {"exact_match", "f1"} & set(wanted):
        measured, shown, speed = answer_metrics(attempt, model, tokenizer, rows, dataset.format)
    if "perplexity" in wanted:
        from ..measuring import perplexity

        length = min(getattr(config, "max_position_embeddings", 1024) or 1024, 1024)
        examples = encode_rows(attempt, rows, dataset.format, tokenizer, length)
        measured |= perplexity(attempt, model, tokenizer.pad_token_id, examples)
    metrics = {name: measured[name] for name in (*wanted, "loss") if name in measured} | {"num_rows": len(rows)}

    report = {"model": source.name, "format": dataset.format, "split": dataset.evaluation_split}
    write_json(attempt.artifact("report") / "report.json", {**report, "metrics": metrics, "examples": shown})
    timed = {"device": device, "seconds": round(time.monotonic() - started, 2)}
    if shown:
        timed["tokens_per_second"] = round(speed, 1)
    if source.folder:
        timed["model_bytes"] = weights_bytes(source.folder)
    resources = {
        "report_id": {"kind": "report", "path": "artifacts/report", "metadata": {**report, "metrics": metrics}}
    }
    return {"metrics": metrics | timed}, resources


def wanted_metrics(asked: list[str] | None, format: str) -> tuple[str, ...]:
    """The metrics to measure; user error unknown_metric for others, metric_unfit for answers of plain text."""
    wanted = tuple(asked or DEFAULT_METRICS.get(format, METRICS))
    for name in wanted:
        if name not in METRICS:
            raise user_error("unknown_metric", f"There is no metric {name!r}.", f"Known: {', '.join(METRICS)}.")
        if format == "text" and name != "perplexity":
            raise user_error("metric_unfit", f"Plain text has no answers, so no {name}.", "Use perplexity.")
    return wanted


def answer_metrics(attempt: Attempt, model, tokenizer, rows: list[dict], format: str) -> tuple[dict, list, float]:
    """({"exact_match", "f1"} in percent, the first examples, tokens per second) of greedy answers to every row."""
    from ..measuring import generate

    asked = [question(row, format, tokenizer) for row in rows]
    bos = [tokenizer.bos_token_id] if starts_with_bos(tokenizer, format) else []
    limit = getattr(model.config, "max_position_embeddings", None) or 4096
    new_tokens = NEW_TOKENS.get(format, 128)
    room = max(limit - new_tokens - len(bos), 1)
    prompts = [
        bos + ids[-room:] for ids in tokenizer([prompt for prompt, _ in asked], add_special_tokens=False)["input_ids"]
    ]
    texts, speed = generate(attempt, model, tokenizer, prompts, new_tokens, one_line=format == "squad")
    scores = [answers.score(text, golds) for text, (_, golds) in zip(texts, asked, strict=True)]
    mean = {name: 100 * sum(score[name] for score in scores) / len(scores) for name in ("exact_match", "f1")}
    shown = [
        {"prompt": prompt, "golds": golds, "prediction": text, **score}
        for (prompt, golds), text, score in zip(asked[:SHOWN_EXAMPLES], texts, scores, strict=False)
    ]
    return mean, shown, speed


def question(row: dict, format: str, tokenizer) -> tuple[str, list[str]]:
    """(prompt, gold answers); of a conversation the last answer is asked for."""
    if format == "messages":
        last = max(index for index, turn in enumerate(row["messages"]) if turn["role"] == "assistant")
        return formats.chat_text(row["messages"][:last], tokenizer, True), [row["messages"][last]["content"]]
    prompt, completion = formats.prompt_and_completion(row, format)
    return prompt, formats.gold_answers(row) if format == "squad" else [completion.strip()]
