"""LoRA adapters: where they come from, how they are put on a model and written."""

from pathlib import Path

from .attempt import read_json, write_json
from .errors import user_error

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def new_adapter(model, settings):
    """The model with fresh LoRA weights on all its linear layers (the output head excepted)."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def given_adapter(model, folder: Path):
    """The model with the adapter of this folder, ready to be trained on; user error lora_unfit."""
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    except (ValueError, RuntimeError, KeyError) as error:
        raise user_error(
            "lora_unfit",
            f"The adapter does not fit this model: {str(error).splitlines()[0][:300]}",
            f"It was made for {read_json(folder / 'adapter_config.json').get('base_model_name_or_path')!r}; use that one.",
        ) from error


def save_adapter(model, folder: Path, base_model: str) -> None:
    """Writes adapter_config.json and adapter_model.safetensors: the same weights give the same bytes."""
    model.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)
    config = read_json(folder / "adapter_config.json")
    config["base_model_name_or_path"] = base_model
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    write_json(folder / "adapter_config.json", config)
