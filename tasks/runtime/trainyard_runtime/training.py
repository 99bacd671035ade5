"""One training loop for finetune, train and qat: transformers' Trainer, with progress, SIGTERM and resume."""

import math
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from .attempt import Attempt
from .errors import Interrupted
from .examples import IGNORED
from .models import device_for
from .settings import Settings

CHECKPOINT_EVERY_SECONDS = 120


class Collator:
    """Pads examples to the batch's longest; counts tokens for tokens_per_second.

    Examples: {"input_ids": [int], "labels": [int]} of equal lengths. Batches: int64 tensors [batch, length].
    """

    def __init__(self, pad_id: int):
        self.pad_id = pad_id
        self.tokens = 0

    def __call__(self, examples: list[dict]) -> dict:
        longest = max(len(example["input_ids"]) for example in examples)
        self.tokens += sum(len(example["input_ids"]) for example in examples)
        rows = [(example["input_ids"], example["labels"], longest - len(example["input_ids"])) for example in examples]
        return {
            "input_ids": torch.tensor([ids + [self.pad_id] * gap for ids, _, gap in rows]),
            "labels": torch.tensor([labels + [IGNORED] * gap for _, labels, gap in rows]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * gap for ids, _, gap in rows]),
        }


class EpochOrder(torch.utils.data.Sampler):
    """The order of an epoch's examples, a function of seed and epoch alone, so that a resumed run meets the same.

    by_length: examples of like length share a batch (little padding); the batches come in random order all the same.
    """

    def __init__(self, lengths: list[int], settings: Settings, by_length: bool, epoch: Callable[[], int]):
        self.lengths, self.settings, self.by_length, self.epoch = lengths, settings, by_length, epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        shuffler = random.Random(f"{self.settings.seed}/{self.epoch()}")
        order = shuffler.sample(range(len(self)), len(self))
        if not self.by_length:
            return iter(order)
        size = self.settings.batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), 50 * size):
            alike = sorted(order[start : start + 50 * size], key=lambda index: self.lengths[index])
            batches += [alike[at : at + size] for at in range(0, len(alike), size)]
        short = [batch for batch in batches if len(batch) < size]  # one at most, and it stays the last
        full = [batch for batch in batches if len(batch) == size]
        shuffler.shuffle(full)
        return iter([index for batch in full + short for index in batch])


class OrderedTrainer(Trainer):
    """Trainer with EpochOrder: its own sampler by length forgets the epoch when it resumes."""

    def __init__(self, settings: Settings, by_length: bool, **options):
        self.order = settings, by_length
        super().__init__(**options)

    def _get_train_sampler(self, dataset=None):
        settings, by_length = self.order
        lengths = [len(example["input_ids"]) for example in self.train_dataset]
        steps = math.ceil(math.ceil(len(lengths) / settings.batch_size) / settings.gradient_accumulation_steps)
        return EpochOrder(lengths, settings, by_length, lambda: self.state.global_step // steps)


class Follow(TrainerCallback):
    """Turns Trainer's steps into progress events, checkpoints and an orderly stop."""

    def __init__(self, attempt: Attempt, collator: Collator, phase: str):
        self.attempt, self.collator, self.phase = attempt, collator, phase
        self.started = self.saved_at = time.monotonic()
        self.losses: list[float] = []

    def on_train_begin(self, args, state, control, **_):
        self.started = self.saved_at = time.monotonic()
        self.collator.tokens = 0
        self.attempt.progress(self.phase, state.global_step, state.max_steps)

    def on_step_end(self, args, state, control, **_):
        if self.attempt.stopping:
            control.should_save = control.should_training_stop = True
        elif time.monotonic() - self.saved_at > CHECKPOINT_EVERY_SECONDS:
            control.should_save = True

    def on_log(self, args, state, control, logs=None, **_):
        if not logs or "loss" not in logs:
            return
        self.losses.append(float(logs["loss"]))
        metrics = {
            "loss": round(float(logs["loss"]), 4),
            "learning_rate": logs.get("learning_rate"),
            "tokens_per_second": round(self.tokens_per_second(), 1),
        }
        self.attempt.progress(self.phase, state.global_step, state.max_steps, metrics)

    def on_save(self, args, state, control, **_):
        """Trainer has written a numbered checkpoint: make it *the* checkpoint, whole or not at all."""
        made = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        kept, old = self.attempt.folder / "checkpoint", self.attempt.folder / "checkpoint.old"
        shutil.rmtree(old, ignore_errors=True)
        if kept.exists():
            os.replace(kept, old)
        os.replace(made, kept)
        shutil.rmtree(old, ignore_errors=True)
        self.saved_at = time.monotonic()

    def tokens_per_second(self) -> float:
        return self.collator.tokens / max(time.monotonic() - self.started, 1e-6)


def train_model(
    attempt: Attempt,
    model,
    pad_id: int,
    examples: list[dict],
    settings: Settings,
    validation: list[dict] | None = None,
    phase: str = "train",
    shuffle_by_length: bool = True,
) -> dict:
    """Trains the model in place and returns its metrics; resumes from the attempt's checkpoint when there is one.

    Raises Interrupted after SIGTERM, when the checkpoint has been saved. Metrics: loss (mean of the last tenth of
    the steps, nats a token), steps, train_seconds, tokens_per_second, and with validation examples
    validation_loss_before and validation_loss.
    """
    set_seed(settings.seed)
    # What memory hangs on: a server that sees the task die can say which smaller value to try.
    attempt.progress(phase, metrics={name: getattr(settings, name) for name in ("batch_size", "max_seq_length")})
    work = attempt.folder / "work"
    collator = Collator(pad_id)
    follow = Follow(attempt, collator, phase)
    on_gpu = device_for(attempt) == "cuda"
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings.num_epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_ratio,  # below 1: a share of all steps
        weight_decay=settings.weight_decay,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=not on_gpu,
        bf16=on_gpu,
        activation_checkpointing=on_gpu,
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_pin_memory=on_gpu,
    )
    trainer = OrderedTrainer(
        settings,
        shuffle_by_length,
        model=model,
        args=arguments,
        train_dataset=examples,
        data_collator=collator,
        callbacks=[follow],
    )
    trainer.remove_callback(PrinterCallback)
    metrics = {}
    if validation:
        metrics["validation_loss_before"] = validation_loss(attempt, model, collator, validation, settings)
    attempt.saves_when_stopped = True
    trainer.train(resume_from_checkpoint=str(attempt.resume_from) if attempt.resume_from else None)
    if attempt.stopping:
        raise Interrupted
    attempt.saves_when_stopped = False
    seconds = time.monotonic() - follow.started
    tail = follow.losses[-max(1, len(follow.losses) // 10) :]
    metrics |= {
        "loss": sum(tail) / len(tail) if tail else None,
        "steps": trainer.state.global_step,
        "train_seconds": round(seconds, 2),
        "tokens_per_second": round(collator.tokens / seconds, 1),
    }
    if validation:
        metrics["validation_loss"] = validation_loss(attempt, model, collator, validation, settings)
    shutil.rmtree(work, ignore_errors=True)
    return metrics


@torch.inference_mode()
def validation_loss(attempt: Attempt, model, collator: Collator, examples: list[dict], settings: Settings) -> float:
    """Mean loss in nats over the labelled tokens of the examples, a list as for training."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    ordered = sorted(examples, key=lambda example: len(example["input_ids"]))
    total, count = 0.0, 0
    for start in range(0, len(ordered), settings.batch_size):
        batch = collator(ordered[start : start + settings.batch_size])
        labelled = int((batch["labels"][:, 1:] != IGNORED).sum())
        loss = model(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
        total, count = total + float(loss) * labelled, count + labelled
        attempt.progress("validate", min(start + settings.batch_size, len(ordered)), len(ordered))
    model.train(was_training)
    return round(total / max(count, 1), 4)
