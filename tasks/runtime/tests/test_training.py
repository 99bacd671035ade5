"""finetune, train, ptq, qat and evaluate through the front door, each on a tiny setting."""

import hashlib
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

TINY = {"max_steps": 3, "batch_size": 4, "max_seq_length": 160, "learning_rate": 0.01}


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def resources(squad, micro, **more) -> dict:
    return {"ds": squad, "m": micro.resource("model_id"), **more}


@pytest.fixture(scope="session")
def finetuned(door, squad, micro):
    return door("finetune", {"model_id": "m", "dataset_id": "ds", **TINY}, resources(squad, micro))


def test_train_makes_a_model_that_others_load_and_tells_its_size_and_speed(micro):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kind, folder, metadata = micro.resource("model_id")
    assert kind == "model"
    assert metadata["hidden_size"] == 32
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.num_parameters() == micro.metrics["parameters"]
    assert (
        AutoTokenizer.from_pretrained(folder).decode(AutoTokenizer.from_pretrained(folder)("Hi 42")["input_ids"][1:])
        == "Hi 42"
    )
    assert {"loss", "model_bytes", "seconds", "tokens_per_second", "steps", "validation_loss"} <= set(micro.metrics)


def test_finetune_gives_a_merged_model_and_an_adapter_in_the_dtype_of_the_base(finetuned):
    from safetensors import safe_open

    _, model, _ = finetuned.resource("model_id")
    _, lora, _ = finetuned.resource("lora_id")
    with safe_open(model / "model.safetensors", "pt") as file:
        names = list(file.keys())
        assert {str(file.get_tensor(name).dtype) for name in names} == {"torch.float32"}
    assert not any("lora" in name for name in names)
    assert {path.name for path in lora.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert finetuned.metrics["validation_loss"] < finetuned.metrics["validation_loss_before"]


def test_a_result_tells_the_memory_it_took_and_nothing_of_a_gpu_that_it_had_not(finetuned):
    assert 200 < finetuned.result["usage"]["peak_memory_mib"] < 8000
    assert "peak_gpu_memory_mib" not in finetuned.result["usage"]


def test_progress_tells_step_total_loss_speed_and_remaining_time(finetuned):
    steps = [event for event in finetuned.events if event["type"] == "progress" and event["phase"] == "train"]
    last = steps[-1]
    assert (last["step"], last["total"]) == (3, 3)
    assert {"loss", "tokens_per_second"} <= set(last["metrics"])
    assert last["eta_seconds"] == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(door, squad, micro, finetuned):
    inputs = {"model_id": "m", "dataset_id": "ds", **TINY}
    again = door("finetune", inputs, resources(squad, micro))
    other = door("finetune", {**inputs, "seed": 1}, resources(squad, micro))
    for output in ("model_id", "lora_id"):
        assert digest(finetuned.resource(output)[1]) == digest(again.resource(output)[1])
        assert finetuned.resource(output)[2] == again.resource(output)[2]
    assert digest(finetuned.resource("model_id")[1]) != digest(other.resource("model_id")[1])


def test_settings_come_from_the_node_then_the_config_then_the_default(door, squad, micro, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"lora_rank": 4, "max_steps": 50}))
    given = resources(squad, micro, cfg=("config", tmp_path, {}))
    outcome = door("finetune", {"model_id": "m", "dataset_id": "ds", "config_id": "cfg", "max_steps": 1}, given)
    settings = outcome.resource("model_id")[2]["settings"]
    assert (settings["max_steps"], settings["lora_rank"], settings["lora_alpha"]) == (1, 4, 32)


def test_a_config_with_an_unknown_setting_names_the_nearest(door, squad, micro, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"learning_rte": 1}))
    given = resources(squad, micro, cfg=("config", tmp_path, {}))
    error = door("finetune", {"model_id": "m", "dataset_id": "ds", "config_id": "cfg"}, given).error
    assert error["code"] == "unknown_setting"
    assert "learning_rate" in error["hint"]


def test_finetune_goes_on_from_a_given_adapter(door, squad, micro, finetuned):
    given = resources(squad, micro, lora=finetuned.resource("lora_id"))
    outcome = door("finetune", {"model_id": "m", "dataset_id": "ds", "lora_id": "lora", **TINY}, given)
    assert outcome.metrics["validation_loss_before"] == pytest.approx(finetuned.metrics["validation_loss"], abs=2e-3)


def test_finetune_fails_before_its_first_step_when_no_label_is_left(door, micro, tmp_path):
    row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "dataset.json").write_text(
        json.dumps({"version": 1, "format": "messages", "splits": {"train": {"file": "train.jsonl", "num_rows": 1}}})
    )
    given = {"ds": ("dataset", tmp_path, {}), "m": micro.resource("model_id")}
    outcome = door("finetune", {"model_id": "m", "dataset_id": "ds", **TINY}, given)
    assert (outcome.error["kind"], outcome.error["code"]) == ("user", "no_labels")
    assert not any(event.get("phase") == "train" for event in outcome.events)


def test_only_completions_carry_labels_and_a_long_prompt_loses_its_beginning(micro, squad):
    from transformers import AutoTokenizer

    from trainyard_runtime.examples import encode_rows
    from trainyard_runtime.formats import Dataset

    class Quiet:
        def message(self, *_):
            pass

    tokenizer = AutoTokenizer.from_pretrained(micro.resource("model_id")[1])
    described = json.loads((squad[1] / "dataset.json").read_text())
    rows = Dataset(squad[1], described["format"], described["splits"]).rows("train")
    for length in (1000, 64):
        for row, example in zip(rows, encode_rows(Quiet(), rows, "squad", tokenizer, length), strict=True):
            assert len(example["input_ids"]) <= length
            learned = [label for label in example["labels"] if label != -100]
            assert tokenizer.decode(learned) == f" {row['answers']['text'][0]}<|eos|>"
            assert example["input_ids"][0] == tokenizer.bos_token_id


def test_sigterm_saves_a_checkpoint_and_a_later_attempt_ends_with_the_same_weights(door, squad, micro):
    inputs = {"model_id": "m", "dataset_id": "ds", **TINY, "max_steps": 120}
    whole = door("finetune", inputs, resources(squad, micro))

    def stop_after_some_steps(folder: Path) -> None:
        def watch() -> None:
            while not re.search(r'"phase": "train", "step": [1-9]\d', (folder / "events.jsonl").read_text()):
                time.sleep(0.005)
            os.kill(os.getpid(), signal.SIGTERM)

        (folder / "events.jsonl").touch()
        threading.Thread(target=watch, daemon=True).start()

    stopped = door("finetune", inputs, resources(squad, micro), before=stop_after_some_steps)
    assert (stopped.code, stopped.result) == (143, None)
    state = json.loads((stopped.folder / "checkpoint" / "trainer_state.json").read_text())
    assert 0 < state["global_step"] < 120

    def bring_checkpoint(folder: Path) -> None:
        (stopped.folder / "checkpoint").rename(folder / "inputs" / "checkpoint")

    more = {"resume_from": "inputs/checkpoint"}
    resumed = door("finetune", inputs, resources(squad, micro), before=bring_checkpoint, **more)
    assert digest(resumed.resource("model_id")[1]) == digest(whole.resource("model_id")[1])


def test_evaluate_measures_answers_and_perplexity_and_writes_a_report(door, squad, micro):
    inputs = {"model_id": "m", "dataset_id": "ds", "metrics": ["exact_match", "f1", "perplexity"], "max_samples": 6}
    outcome = door("evaluate", inputs, resources(squad, micro))
    assert outcome.metrics["num_rows"] == 6
    assert 0 <= outcome.metrics["exact_match"] <= outcome.metrics["f1"] <= 100
    assert outcome.metrics["perplexity"] > 1
    kind, folder, _ = outcome.resource("report_id")
    report = json.loads((folder / "report.json").read_text())
    assert (kind, report["split"], len(report["examples"])) == ("report", "validation", 6)
    again = door("evaluate", inputs, resources(squad, micro))
    assert digest(again.resource("report_id")[1]) == digest(folder)


def test_ptq_shrinks_the_file_measures_both_and_evaluate_loads_it(door, squad, micro):
    outcome = door("ptq", {"model_id": "m", "dataset_id": "ds"}, resources(squad, micro))
    before, after = outcome.metrics["before"], outcome.metrics["after"]
    assert after["model_bytes"] < before["model_bytes"]
    assert after["perplexity"] == pytest.approx(before["perplexity"], rel=0.05)
    assert before["tokens_per_second"] > 0 < after["tokens_per_second"]
    given = {"ds": squad, "q": outcome.resource("model_id")}
    evaluated = door("evaluate", {"model_id": "q", "dataset_id": "ds", "metrics": ["perplexity"]}, given)
    assert evaluated.metrics["perplexity"] == pytest.approx(after["perplexity"], rel=0.01)
    assert door("ptq", {"model_id": "q"}, given).error["code"] == "quantized_model"


def test_qat_trains_quantizes_and_evaluate_loads_it(door, squad, micro):
    outcome = door("qat", {"model_id": "m", "dataset_id": "ds", **TINY}, resources(squad, micro))
    assert outcome.metrics["validation_loss"] < outcome.metrics["validation_loss_before"]
    assert outcome.metrics["model_bytes"] < micro.metrics["model_bytes"]
    given = {"ds": squad, "q": outcome.resource("model_id")}
    evaluated = door("evaluate", {"model_id": "q", "dataset_id": "ds", "metrics": ["perplexity"]}, given)
    assert evaluated.metrics["perplexity"] == pytest.approx(outcome.metrics["perplexity"], rel=0.01)


@pytest.mark.parametrize(
    ("task", "inputs", "kind", "code"),
    [
        ("finetune", {"model_id": "m", "dataset_id": "ds", "learning_rate": 0}, "user", "invalid_setting"),
        ("finetune", {"dataset_id": "ds"}, "user", "missing_input"),
        ("finetune", {"model_id": "m", "model_name": "x/y", "dataset_id": "ds"}, "user", "ambiguous_model"),
        ("finetune", {"model_id": "ds", "dataset_id": "ds"}, "user", "wrong_resource"),
        ("finetune", {"model_name": "builtin:huge", "dataset_id": "ds"}, "user", "unknown_builtin"),
        ("finetune", {"model_name": "./nowhere", "dataset_id": "ds"}, "user", "model_not_found"),
        ("train", {"dataset_id": "ds", "architecture": "transformer-xxl"}, "user", "unknown_architecture"),
        ("train", {"dataset_id": "ds", "hidden_size": 33}, "user", "invalid_shape"),
        ("ptq", {"model_id": "m", "bits": 4}, "user", "unsupported_bits"),
        ("ptq", {"model_id": "m", "method": "gptq"}, "user", "unsupported_method"),
        ("qat", {"model_id": "m", "dataset_id": "ds", "bits": 3}, "user", "unsupported_bits"),
        ("evaluate", {"model_id": "m", "dataset_id": "ds", "metrics": ["bleu"]}, "user", "unknown_metric"),
        ("dance", {}, "user", "unknown_task"),
    ],
)
def test_wrong_inputs_have_their_own_codes(door, squad, micro, task, inputs, kind, code):
    error = door(task, inputs, resources(squad, micro)).error
    assert (error["kind"], error["code"]) == (kind, code)
    assert error["hint"]


def test_a_model_too_large_for_the_memory_is_refused_before_it_is_read(door, squad, micro):
    limits = {"cpu_threads": 2, "memory_mib": 0.05, "gpus": []}
    error = door("evaluate", {"model_id": "m", "dataset_id": "ds"}, resources(squad, micro), limits=limits).error
    assert (error["kind"], error["code"]) == ("terminal", "model_too_large")


def test_a_given_gpu_that_is_not_there_is_an_error_and_never_the_cpu(door, squad, micro):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    limits = {"cpu_threads": 2, "memory_mib": 4096, "gpus": ["0"]}
    error = door("evaluate", {"model_id": "m", "dataset_id": "ds"}, resources(squad, micro), limits=limits).error
    assert (error["kind"], error["code"]) == ("terminal", "gpu_unavailable")


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate"),
            "terminal",
            "out_of_memory",
        ),
        (MemoryError(), "terminal", "out_of_memory"),
        (OSError(28, "No space left on device"), "retryable", "disk_full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "retryable", "disk_full"),
        (ZeroDivisionError("division by zero"), "bug", "unexpected_error"),
    ],
)
def test_unexpected_failures_are_told_apart(door, monkeypatch, raised, kind, code):
    from trainyard_runtime.tasks import load_dataset

    def fail(_):
        raise raised

    monkeypatch.setattr(load_dataset, "run", fail)
    error = door("load_dataset", {}).error
    assert (error["kind"], error["code"]) == (kind, code)
