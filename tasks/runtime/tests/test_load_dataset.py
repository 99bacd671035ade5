import hashlib
import json
import sys
from pathlib import Path

import pytest

from trainyard_runtime.tasks.load_dataset import BUILTIN_FOLDER

SQUAD = {"context": "Ann lives in Ely.", "question": "Where?", "answers": {"text": ["Ely"], "answer_start": [13]}}
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
SHARED = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]


def lines(path: Path, rows: list) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def written(outcome, split: str = "train") -> list[dict]:
    _, folder, _ = outcome.resource("dataset_id")
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text().splitlines()]


def digest(outcome) -> str:
    _, folder, _ = outcome.resource("dataset_id")
    parts = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@pytest.mark.parametrize(
    ("row", "format", "first"),
    [
        (SQUAD, "squad", {"id": "1", "title": "", **SQUAD}),
        ({"instruction": "Add", "input": "1 1", "output": "2"}, "instruction", None),
        ({"messages": TURNS}, "messages", None),
        ({"conversations": SHARED}, "sharegpt", {"messages": TURNS}),
        ({"prompt": "1+1=", "completion": "2"}, "prompt_completion", None),
        ({"text": "A story."}, "text", None),
        ({"text": "Great film", "label": "good"}, "text", {"text": "Great film\nLabel: good"}),
    ],
)
def test_recognises_the_format_says_so_and_writes_its_normal_form(door, tmp_path, row, format, first):
    outcome = door("load_dataset", {"dataset_path": lines(tmp_path / "data.jsonl", [row])})
    assert outcome.outputs["format"] == format
    assert f"taken as {format}" in outcome.messages
    assert written(outcome) == [first or row]
    assert len(outcome.resource("dataset_id")[2]["samples"]) == 1


def test_reads_json_csv_parquet_and_txt_alike(door, tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = [{"prompt": "1+1=", "completion": "2"}, {"prompt": "2+2=", "completion": "4"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.csv").write_text("prompt,completion\n1+1=,2\n2+2=,4\n")
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    paths = [
        lines(tmp_path / "a.jsonl", rows),
        *(str(tmp_path / f"a.{suffix}") for suffix in ("json", "csv", "parquet")),
    ]
    assert len({digest(door("load_dataset", {"dataset_path": path})) for path in paths}) == 1
    (tmp_path / "a.txt").write_text("One.\n\nTwo.\n")
    assert written(door("load_dataset", {"dataset_path": str(tmp_path / "a.txt")})) == [
        {"text": "One."},
        {"text": "Two."},
    ]


def test_the_same_content_and_mapping_give_the_same_files_and_another_mapping_others(door, tmp_path):
    rows = [{"q": "1+1=", "a": "2", "b": "two"}]
    paths = [lines(tmp_path / name, rows) for name in ("one.jsonl", "two.jsonl")]
    mapping = {"prompt": "q", "completion": "a"}
    same = [door("load_dataset", {"dataset_path": path, "columns": mapping}) for path in paths]
    other = door("load_dataset", {"dataset_path": paths[0], "columns": {"prompt": "q", "completion": "b"}})
    assert digest(same[0]) == digest(same[1]) != digest(other)
    assert written(same[0]) == [{"prompt": "1+1=", "completion": "2"}]


def test_keeps_all_splits_of_a_folder_or_the_one_asked_for(door, tmp_path):
    for name in ("train", "validation"):
        lines(tmp_path / f"{name}.jsonl", [{"text": name}])
    every = door("load_dataset", {"dataset_path": str(tmp_path)})
    assert every.resource("dataset_id")[2]["splits"] == {"train": 1, "validation": 1}
    one = door("load_dataset", {"dataset_path": str(tmp_path), "split": "validation"})
    assert one.outputs["num_rows"] == 1
    missing = door("load_dataset", {"dataset_path": str(tmp_path), "split": "test"})
    assert missing.error["code"] == "unknown_split"
    assert "train, validation" in missing.error["hint"]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ({**SQUAD, "context": None}, "context", "missing"),
        ({**SQUAD, "answers": {"text": "Ely"}}, "answers", "is not"),
        ({**SQUAD, "question": 7}, "question", "int, not text"),
    ],
)
def test_a_bad_row_is_an_error_with_number_column_count_and_sample(door, tmp_path, row, column, reason):
    path = lines(tmp_path / "bad.jsonl", [SQUAD, row, SQUAD, row])
    error = door("load_dataset", {"dataset_path": path}).error
    assert (error["kind"], error["code"]) == ("user", "bad_rows")
    for part in ("row 2", repr(column), reason, "2 of 4 rows", "Where?" if column != "question" else "Ely"):
        assert part in error["message"]


def test_a_line_that_is_no_json_is_told_with_its_number_and_the_count(door, tmp_path):
    (tmp_path / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n{"text": "b"}\n[]\n')
    error = door("load_dataset", {"dataset_path": str(tmp_path / "broken.jsonl")}).error
    assert "line 2" in error["message"]
    assert "2 of 4" in error["message"]
    (tmp_path / "broken.csv").write_text("prompt,completion\n1,2\n3\n")
    error = door("load_dataset", {"dataset_path": str(tmp_path / "broken.csv")}).error
    assert "row 2" in error["message"]


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"dataset_path": "/nowhere/data.jsonl"}, "file_not_found"),
        ({"dataset_path": "builtin:nothing"}, "unknown_builtin"),
        ({"dataset_path": "builtin:squad-mini", "split": "test"}, "unknown_split"),
        ({"dataset_path": "builtin:squad-mini", "columns": {"prompt": "nope"}}, "unknown_column"),
        ({"dataset_path": "builtin:squad-mini", "columns": {"prommpt": "question"}}, "unknown_column"),
        ({}, "missing_input"),
    ],
)
def test_wrong_inputs_have_their_own_codes(door, inputs, code):
    error = door("load_dataset", inputs).error
    assert (error["kind"], error["code"]) == ("user", code)
    assert error["hint"]


def test_unknown_columns_ask_for_a_mapping(door, tmp_path):
    error = door("load_dataset", {"dataset_path": lines(tmp_path / "odd.jsonl", [{"foo": "1", "bar": "2"}])}).error
    assert error["code"] == "unknown_format"
    assert "foo, bar" in error["message"]
    assert "columns" in error["hint"]


def test_local_and_builtin_data_need_no_torch(tmp_path):
    import subprocess

    from conftest import write_spec

    write_spec(tmp_path / "att", "load_dataset", {"dataset_path": "builtin:squad-mini", "max_samples": 2})
    script = (
        "import sys; from trainyard_runtime.__main__ import main; main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules and 'datasets' not in sys.modules"
    )
    package = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "att")], cwd=package, check=True)


def test_squad_mini_has_enough_rows_with_answers_where_they_are_said_to_be():
    for split, least in (("train", 2000), ("validation", 200)):
        rows = [json.loads(line) for line in (BUILTIN_FOLDER / "squad-mini" / f"{split}.jsonl").open()]
        assert len(rows) >= least
        for row in rows:
            assert set(row) == {"id", "title", "context", "question", "answers"}
            text, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
            assert row["context"][start : start + len(text)] == text


def test_squad_mini_shares_no_entity_between_its_splits_and_the_model_saw_none_of_them(monkeypatch):
    import re

    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "scripts"))
    import small_world

    sentences = " ".join(
        sentence
        for relations in small_world.KINDS.values()
        for _, *templates in relations.values()
        for group in templates
        for sentence in group
    )
    ordinary = set(re.findall(r"\b[A-Z]\w+", sentences)) | {"Works", "Mills", "Trading", "Brothers"}

    def names(text: str) -> set[str]:
        return set(re.findall(r"\b[A-Z]\w+", text)) - ordinary

    of_split = {
        split: names((BUILTIN_FOLDER / "squad-mini" / f"{split}.jsonl").read_text())
        for split in ("train", "validation")
    }
    assert len(of_split["train"]) > 2000
    assert len(of_split["validation"]) > 500
    assert not of_split["train"] & of_split["validation"]
    world = small_world.World("pretraining", 0)
    seen = names(" ".join(small_world.pretraining_document(world) for _ in range(2000)))
    assert not seen & (of_split["train"] | of_split["validation"])
