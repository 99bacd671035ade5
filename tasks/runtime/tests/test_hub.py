"""The hub's client against a hub on loopback; each attempt is a process of its own, as HF_ENDPOINT is read once."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import Outcome, read_outcome, write_spec
from hub_server import HubServer

PACKAGE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def hub(tmp_path_factory, micro):
    data = tmp_path_factory.mktemp("hub")
    rows = [{"context": "Ann lives in Ely.", "question": "Where?", "answers": {"text": ["Ely"], "answer_start": [13]}}]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 3))
    adapter = tmp_path_factory.mktemp("adapter")
    (adapter / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 4, "base_model_name_or_path": "a/b"})
    )
    (adapter / "adapter_model.safetensors").write_bytes(b"\0" * 16)
    repositories = {
        ("datasets", "someone/questions"): data,
        ("models", "someone/micro"): micro.resource("model_id")[1],
        ("models", "someone/adapter"): adapter,
    }
    server = HubServer(repositories, gated={"someone/gated"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def through(tmp_path):
    def run(endpoint: str, task: str, inputs: dict, resources: dict | None = None) -> Outcome:
        folder = tmp_path / task
        write_spec(folder, task, inputs, resources)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_secret"}
        command = [sys.executable, "-m", "trainyard_runtime", str(folder)]
        code = subprocess.run(command, cwd=PACKAGE, env=environment, timeout=120).returncode
        return read_outcome(folder, code)

    return run


def test_loads_a_dataset_of_the_hub_with_the_token_and_keeps_the_token_to_itself(hub, through):
    outcome = through(hub.endpoint, "load_dataset", {"dataset_path": "huggingface:someone/questions"})
    assert outcome.outputs == {"dataset_path": "huggingface:someone/questions", "num_rows": 3, "format": "squad"}
    assert "Bearer hf_secret" in hub.tokens
    assert not any(b"hf_secret" in path.read_bytes() for path in outcome.folder.rglob("*") if path.is_file())


def test_loads_a_model_of_the_hub(hub, through, squad):
    inputs = {"model_name": "someone/micro", "dataset_id": "ds", "metrics": ["perplexity"]}
    assert through(hub.endpoint, "evaluate", inputs, {"ds": squad}).metrics["perplexity"] > 1


def test_loads_an_adapter_of_the_hub(hub, through):
    outcome = through(hub.endpoint, "load_lora", {"lora_path": "huggingface:someone/adapter"})
    assert outcome.outputs == {"base_model": "a/b"}


@pytest.mark.parametrize(
    ("name", "kind", "code", "hint"),
    [
        ("someone/gated", "user", "hub_gated", "HF_TOKEN"),
        ("someone/missing", "user", "hub_not_found", "spelling"),
    ],
)
def test_a_gated_and_a_missing_dataset_are_told_apart(hub, through, name, kind, code, hint):
    error = through(hub.endpoint, "load_dataset", {"dataset_path": f"huggingface:{name}"}).error
    assert (error["kind"], error["code"]) == (kind, code), error
    assert hint in error["hint"]
    assert name in error["message"]


@pytest.mark.parametrize(("name", "code"), [("someone/gated", "hub_gated"), ("someone/missing", "hub_not_found")])
def test_a_gated_and_a_missing_model_are_told_apart(hub, through, squad, name, code):
    error = through(hub.endpoint, "evaluate", {"model_name": name, "dataset_id": "ds"}, {"ds": squad}).error
    assert (error["kind"], error["code"]) == ("user", code), error


@pytest.mark.parametrize("task", ["load_dataset", "load_lora"])
def test_a_hub_that_cannot_be_reached_is_worth_a_retry(through, task):
    inputs = {"load_dataset": {"dataset_path": "huggingface:squad"}, "load_lora": {"lora_path": "huggingface:a/b"}}
    error = through("http://127.0.0.1:9", task, inputs[task]).error
    assert (error["kind"], error["code"]) == ("retryable", "hub_unreachable"), error
    assert "HF_ENDPOINT" in error["hint"]
