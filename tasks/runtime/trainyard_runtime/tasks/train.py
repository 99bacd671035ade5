"""train: a language model from scratch, its BPE tokenizer included, on the training split of a dataset."""

import time

from .. import formats
from ..attempt import Attempt
from ..errors import user_error
from ..settings import resolve
from ..training import train_model

ARCHITECTURES = ("llama", "qwen2", "mistral")
# name → (default, smallest, largest)
SHAPE = {
    "hidden_size": (160, 16, 8192),
    "intermediate_size": (None, 16, 65536),
    "num_layers": (4, 1, 128),
    "num_heads": (4, 1, 128),
    "vocab_size": (1024, 300, 262144),
}
DEFAULTS = {"learning_rate": 2e-3, "batch_size": 16, "max_seq_length": 256, "num_epochs": 1}


def run(attempt: Attempt) -> tuple[dict, dict]:
    started = time.monotonic()
    dataset = formats.Dataset.open(attempt)
    shape = read_shape(attempt)
    settings = resolve(attempt, advice={}, defaults=DEFAULTS)

    packing = attempt.inputs.get("packing", True)

    from ..models import (
        compute_dtype,
        load_config,
        load_model,
        load_tokenizer,
        measure,
        model_source,
        prepare_torch,
        save_model,
    )

    device = prepare_torch(attempt)
    texts = [formats.plain_text(row, dataset.format) for row in dataset.rows(dataset.train_split)]
    attempt.progress("tokenizer", 0, 1)
    if "model_id" in attempt.inputs:  # goes on with a model that an earlier train made
        source = model_source(attempt)
        tokenizer = load_tokenizer(source)
    else:
        tokenizer = train_tokenizer(texts, shape["vocab_size"], settings.max_seq_length)
    examples = blocks(texts, tokenizer, settings.max_seq_length, packing)
    if not examples:
        raise user_error("no_labels", "The dataset holds no text to train on.", "Check its rows.")
    validation = None
    if dataset.validation_split:
        unseen = [formats.plain_text(row, dataset.format) for row in dataset.rows(dataset.validation_split)]
        validation = blocks(unseen, tokenizer, settings.max_seq_length, packing)

    if "model_id" in attempt.inputs:
        model, _ = load_model(attempt, source, compute_dtype(attempt, load_config(source)))
        shape = shape_of(model.config)
    else:
        model = new_model(shape, tokenizer, settings).to(device)
    tokens = sum(len(example["input_ids"]) for example in examples)
    attempt.message(
        f"{shape['architecture']} with {model.num_parameters():,} parameters; {tokens:,} tokens from "
        f"{len(texts):,} texts in {len(examples):,} blocks."
    )
    metrics = train_model(
        attempt, model, tokenizer.pad_token_id, examples, settings, validation, shuffle_by_length=not packing
    )
    attempt.progress("save")
    folder = attempt.artifact("model")
    save_model(model, tokenizer, folder)
    metrics |= measure(folder, model.num_parameters())
    metrics |= {"device": device, "seconds": round(time.monotonic() - started, 2)}
    metadata = {"base_model": None, "task": "train", **shape, "dtype": "float32", "parameters": model.num_parameters()}
    resources = {"model_id": {"kind": "model", "path": "artifacts/model", "metadata": metadata}}
    return {"metrics": metrics}, resources


def read_shape(attempt: Attempt) -> dict:
    """Architecture and size from the inputs, with every default filled in; user error: invalid_shape."""
    shape: dict = {"architecture": attempt.inputs.get("architecture", "llama")}
    if shape["architecture"] not in ARCHITECTURES:
        raise user_error(
            "unknown_architecture",
            f"Training from scratch knows no architecture {shape['architecture']!r}.",
            f"Choose one of {', '.join(ARCHITECTURES)}.",
        )
    for name, (default, low, high) in SHAPE.items():
        value = attempt.inputs.get(name, default)
        if name == "intermediate_size" and value is None:
            value = max(16, round(shape["hidden_size"] * 8 / 3 / 16) * 16)
        if not isinstance(value, (int, float)) or value != int(value) or not low <= value <= high:
            raise user_error("invalid_shape", f"{name} is {value!r}.", f"Give a whole number from {low} to {high}.")
        shape[name] = int(value)
    if shape["hidden_size"] % (2 * shape["num_heads"]):
        raise user_error(
            "invalid_shape",
            f"hidden_size {shape['hidden_size']} can't be shared by {shape['num_heads']} heads of an even size.",
            "Make hidden_size a multiple of 2 x num_heads.",
        )
    return shape


def train_tokenizer(texts: list[str], vocab_size: int, max_length: int):
    """A byte-level BPE with single digits, trained on the texts; puts <|bos|> before what it encodes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|bos|>", "<|eos|>"]
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", bpe.token_to_id("<|bos|>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=special[0],
        bos_token=special[1],
        eos_token=special[2],
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def blocks(texts: list[str], tokenizer, length: int, packing: bool) -> list[dict]:
    """Examples of at most `length` tokens, each text between <|bos|> and <|eos|>.

    packing: all texts are laid end to end and cut every `length` tokens; otherwise each text stands alone.
    """
    encoded = [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    streams = [[id for ids in encoded for id in ids]] if packing else encoded
    cut = [stream[start : start + length] for stream in streams for start in range(0, len(stream), length)]
    if packing and len(cut) > 1 and len(cut[-1]) < length:
        cut.pop()  # less than one block of the whole
    return [{"input_ids": ids, "labels": ids} for ids in cut if len(ids) > 1]


def shape_of(config) -> dict:
    """A loaded model's architecture and size, in the names of this task's inputs."""
    return {
        "architecture": config.model_type,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_layers": config.num_hidden_layers,
        "num_heads": config.num_attention_heads,
        "vocab_size": config.vocab_size,
    }


def new_model(shape: dict, tokenizer, settings):
    """A model of this shape with random weights that depend only on the seed; its embeddings are tied."""
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    config = AutoConfig.for_model(
        shape["architecture"],
        vocab_size=len(tokenizer),
        hidden_size=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"],
        num_hidden_layers=shape["num_layers"],
        num_attention_heads=shape["num_heads"],
        num_key_value_heads=shape["num_heads"],
        max_position_embeddings=max(settings.max_seq_length, 1024),
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    set_seed(settings.seed)
    return AutoModelForCausalLM.from_config(config)
