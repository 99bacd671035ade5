"""What can be measured of a model: answers it generates, perplexity, speed."""

import math
import time

import torch

from .attempt import Attempt
from .examples import IGNORED

BATCH_TOKENS = 16384  # of one batch, padding included


def batches(lengths: list[int], extra: int = 0) -> list[list[int]]:
    """Indices grouped by similar length, each group at most BATCH_TOKENS when padded (and at least one index)."""
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if groups and (len(groups[-1]) + 1) * (lengths[index] + extra) <= BATCH_TOKENS and len(groups[-1]) < 64:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


@torch.inference_mode()
def generate(attempt: Attempt, model, tokenizer, prompts: list[list[int]], max_new_tokens: int, one_line: bool):
    """Greedy continuations of token-id prompts: (texts in the order of the prompts, generated tokens per second).

    one_line: stop at the first line break, as lm-evaluation-harness does for question answering.
    """
    stops = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    if one_line:
        stops += [id for id in range(len(tokenizer)) if "\n" in tokenizer.decode([id])]
    texts, made, started = [""] * len(prompts), 0, time.monotonic()
    done = 0
    attempt.progress("generate", 0, len(prompts))
    for group in batches([len(prompt) for prompt in prompts], max_new_tokens):
        longest = max(len(prompts[index]) for index in group)
        padded = [[tokenizer.pad_token_id] * (longest - len(prompts[index])) + prompts[index] for index in group]
        mask = [[0] * (longest - len(prompts[index])) + [1] * len(prompts[index]) for index in group]
        out = model.generate(
            input_ids=torch.tensor(padded, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=stops or None,
            pad_token_id=tokenizer.pad_token_id,
        )
        for index, ids in zip(group, out[:, longest:].tolist(), strict=True):
            end = next((at for at, id in enumerate(ids) if id in stops), len(ids))
            made += end + (end < len(ids))
            text = tokenizer.decode(ids[:end], skip_special_tokens=True)
            texts[index] = text.split("\n")[0].strip() if one_line else text.strip()
        done += len(group)
        attempt.progress("generate", done, len(prompts))
    return texts, made / max(time.monotonic() - started, 1e-6)


@torch.inference_mode()
def perplexity(attempt: Attempt, model, pad_id: int, examples: list[dict]) -> dict:
    """{"perplexity", "loss", "tokens"}: over the labelled tokens of the examples; loss in nats a token."""
    total, count, done = 0.0, 0, 0
    attempt.progress("perplexity", 0, len(examples))
    for group in batches([len(example["input_ids"]) for example in examples]):
        longest = max(len(examples[index]["input_ids"]) for index in group)

        def padded(name: str, fill: int, group=group, longest=longest):
            rows = [examples[index][name] for index in group]
            return torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=model.device)

        ids, labels = padded("input_ids", pad_id), padded("labels", IGNORED)
        lengths = torch.tensor([len(examples[index]["input_ids"]) for index in group], device=model.device)
        mask = (torch.arange(longest, device=model.device)[None] < lengths[:, None]).long()
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        wanted = labels[:, 1:]
        total += float(
            torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
            )
        )
        count += int((wanted != IGNORED).sum())
        done += len(group)
        attempt.progress("perplexity", done, len(examples))
    loss = total / max(count, 1)
    return {"perplexity": math.exp(min(loss, 700)), "loss": loss, "tokens": count}


@torch.inference_mode()
def decoding_speed(model, tokens: int = 32) -> float:
    """Tokens per second when one sequence is generated, greedily and without an early stop."""
    ids = torch.ones((1, 8), dtype=torch.long, device=model.device)
    options = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(ids)}
    model.generate(ids, max_new_tokens=2, min_new_tokens=2, **options)
    started = time.monotonic()
    model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **options)
    return tokens / max(time.monotonic() - started, 1e-6)
