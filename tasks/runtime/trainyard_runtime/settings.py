"""Training settings: what the node said, else its config, else the model's own advice, else the default."""

import difflib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .attempt import Attempt, read_json
from .errors import user_error

ADVICE_FILE = "trainyard.json"  # in a model's folder: {"finetune": {...settings that suit this model...}}

# name → (smallest, largest, whole number?)
RANGES = {
    "num_epochs": (0.01, 1000, False),
    "max_steps": (1, 10_000_000, True),
    "learning_rate": (1e-8, 1.0, False),
    "batch_size": (1, 4096, True),
    "gradient_accumulation_steps": (1, 1024, True),
    "max_seq_length": (16, 1_048_576, True),
    "warmup_ratio": (0.0, 0.5, False),
    "weight_decay": (0.0, 1.0, False),
    "lora_rank": (1, 1024, True),
    "lora_alpha": (1, 4096, False),
    "lora_dropout": (0.0, 0.9, False),
    "seed": (0, 2**32 - 1, True),
}


@dataclass
class Settings:
    """learning_rate is the peak of a cosine; warmup_ratio is a share of all steps; max_steps wins over num_epochs."""

    num_epochs: float = 3
    max_steps: int | None = None
    learning_rate: float = 2e-4
    batch_size: int = 8
    gradient_accumulation_steps: int = 1
    max_seq_length: int = 1024
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    lora_rank: int = 16
    lora_alpha: float = 32
    lora_dropout: float = 0.05
    seed: int = 0

    def as_dict(self) -> dict:
        return asdict(self)


def checked(name: str, value, where: str):
    """The value as a number within its range; user error: invalid_setting."""
    low, high, whole = RANGES[name]
    kind = "a whole number" if whole else "a number"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (whole and value != int(value)):
        raise user_error(
            "invalid_setting", f"{name} in {where} is {value!r}.", f"Give {kind} from {low:g} to {high:g}."
        )
    return int(value) if whole else value


def read_config(attempt: Attempt) -> dict:
    """The settings of the config resource (config.json), {} without one; user errors for unknown names."""
    if "config_id" not in attempt.inputs:
        return {}
    folder, _ = attempt.resource("config_id", "config")
    config = {name: value for name, value in read_json(folder / "config.json").items() if value is not None}
    for name in config:
        if name not in RANGES:
            near = difflib.get_close_matches(name, RANGES, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known settings: {', '.join(RANGES)}."
            raise user_error("unknown_setting", f"The config has an unknown setting {name!r}.", hint)
    return config


def model_advice(model_folder: Path | None, task_name: str) -> dict:
    """What the model's own trainyard.json recommends for a task; {} when it has none."""
    if model_folder is None or not (model_folder / ADVICE_FILE).is_file():
        return {}
    return read_json(model_folder / ADVICE_FILE).get(task_name, {})


def resolve(attempt: Attempt, advice: dict, defaults: dict | None = None) -> Settings:
    """All settings for this run; says in a message event what was taken from the model's advice."""
    config = read_config(attempt)
    values, advised = dict(defaults or {}), []
    for field in fields(Settings):
        name = field.name
        if name in attempt.inputs:
            values[name] = checked(name, attempt.inputs[name], "the inputs")
        elif name in config:
            values[name] = checked(name, config[name], "the config")
        elif name in advice:
            values[name] = checked(name, advice[name], ADVICE_FILE)
            advised.append(f"{name} {values[name]:g}")
    if advised:
        attempt.message(f"Settings recommended by the model's own {ADVICE_FILE}: {', '.join(advised)}.")
    return Settings(**values)
