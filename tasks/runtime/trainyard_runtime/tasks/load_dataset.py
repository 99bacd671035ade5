"""load_dataset: rows from the hub, a local file or the built-in sets, checked and written in one normal form."""

import csv
import importlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

from .. import formats
from ..attempt import Attempt, write_json
from ..errors import user_error
from ..hub import explain_hub_error, use_cache_if_unreachable

BUILTIN_FOLDER = Path(__file__).resolve().parent.parent / "builtin"
BUILTIN_DATASETS = ("squad-mini",)
FILE_TYPES = (".json", ".jsonl", ".csv", ".parquet", ".txt")
SHOWN_SAMPLES, SHOWN_CHARACTERS = 3, 500

Splits = dict[str, Iterable[dict]]


def run(attempt: Attempt) -> tuple[dict, dict]:
    dataset_path = attempt.inputs.get("dataset_path")
    if not dataset_path:
        raise user_error(
            "missing_input", "load_dataset needs dataset_path.", "Give huggingface:NAME, a file or builtin:NAME."
        )
    max_samples = attempt.whole_number("max_samples", None)
    attempt.progress("read")
    splits, label_names = read_splits(dataset_path, attempt.inputs.get("split"))
    splits = {name: list(limited(rows, max_samples)) for name, rows in splits.items()}
    total = sum(len(rows) for rows in splits.values())
    if not total:
        raise user_error("empty_dataset", f"{dataset_path} holds no rows.", "Give a dataset with at least one row.")

    columns = list(dict.fromkeys(name for rows in splits.values() for row in rows[:100] for name in row))
    format = formats.recognise(columns, attempt.inputs.get("columns"))
    format.label_names = label_names.get(format.columns.get("label", ""))
    taken = ", ".join(f"{target} from {source}" for target, source in format.columns.items())
    attempt.message(f"{dataset_path} is taken as {format.shown} ({taken}).")

    normal = normalise(attempt, splits, format, dataset_path)
    folder = attempt.artifact("dataset")
    described = {}
    for name, rows in normal.items():
        with open(folder / f"{name}.jsonl", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        described[name] = {"file": f"{name}.jsonl", "num_rows": len(rows)}
    content = {"version": 1, "format": format.name, "recognised_as": format.shown, "columns": format.columns}
    write_json(folder / "dataset.json", {**content, "splits": described})

    samples = [shortened(row) for row in next(iter(normal.values()))[:SHOWN_SAMPLES]]
    counts = ", ".join(f"{len(rows):,} in {name}" for name, rows in normal.items())
    attempt.message(f"{total:,} rows ({counts}). The first: {json.dumps(samples[0], ensure_ascii=False)}")
    outputs = {"dataset_path": dataset_path, "num_rows": total, "format": format.shown}
    metadata = {**outputs, "splits": {name: len(rows) for name, rows in normal.items()}, "samples": samples}
    return outputs, {"dataset_id": {"kind": "dataset", "path": "artifacts/dataset", "metadata": metadata}}


def normalise(attempt: Attempt, splits: Splits, format: formats.Format, dataset_path: str) -> dict[str, list[dict]]:
    """Every row in its format's normal form; user error bad_rows tells the first bad one and how many there are."""
    convert = formats.normaliser(format)
    total, done, bad, normal = sum(len(rows) for rows in splits.values()), 0, [], {}
    for name, rows in splits.items():
        normal[name] = []
        for number, row in enumerate(rows, start=1):
            try:
                normal[name].append(convert(row, number))
            except formats.BadRow as error:
                bad.append((name, number, error, row))
            done += 1
            attempt.progress("check", done, total)
    if bad:
        split, number, error, row = bad[0]
        where = f"row {number}" + (f" of split {split}" if len(splits) > 1 else "")
        share = f"{len(bad):,} of {total:,} rows are bad"
        sample = json.dumps(shortened(row), ensure_ascii=False, default=str)
        raise user_error(
            "bad_rows",
            f"{dataset_path}, {where}: column {error.column!r} {error.reason}. {share}. The row: {sample}",
            "Repair or remove these rows (none is skipped silently), or map other columns with columns.",
        )
    return normal


def limited(rows: Iterable[dict], count: int | None) -> Iterable[dict]:
    """The first `count` rows of a split, all without a count."""
    for index, row in enumerate(rows):
        if count is not None and index >= count:
            return
        yield row


def shortened(value):
    """The same value with long texts cut, to be shown to a person."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value[:10]]
    return value


# ---- where rows come from: each returns ({split: rows}, {column: names of its class labels}) -----------------------


def read_splits(dataset_path: str, split: str | None) -> tuple[Splits, dict]:
    if dataset_path.startswith("builtin:"):
        return read_builtin(dataset_path.removeprefix("builtin:"), split), {}
    if dataset_path.startswith("huggingface:"):
        return read_hub(dataset_path.removeprefix("huggingface:"), split)
    return read_local(dataset_path, split), {}


def read_builtin(name: str, split: str | None) -> Splits:
    if name not in BUILTIN_DATASETS:
        known = ", ".join(f"builtin:{known}" for known in BUILTIN_DATASETS)
        raise user_error("unknown_builtin", f"There is no built-in dataset {name!r}.", f"Known: {known}.")
    files = {path.stem: path for path in sorted((BUILTIN_FOLDER / name).glob("*.jsonl"))}
    return {found: json_lines(files[found]) for found in chosen(list(files), split, f"builtin:{name}")}


def read_local(dataset_path: str, split: str | None) -> Splits:
    """A file is the split `train`; a folder has a file a split, named for it (train.jsonl, validation.csv)."""
    path = Path(dataset_path.removeprefix("file:")).expanduser()
    if path.is_dir():
        files = {found.stem: found for found in sorted(path.iterdir()) if found.suffix.lower() in FILE_TYPES}
        if not files:
            raise user_error(
                "file_not_found",
                f"The folder {dataset_path} holds no data file.",
                f"Known types: {' '.join(FILE_TYPES)}.",
            )
        return {name: read_file(files[name]) for name in chosen(list(files), split, dataset_path)}
    if not path.is_file():
        raise user_error(
            "file_not_found",
            f"There is no file {dataset_path}.",
            "Check the path (it is seen from where the task runs). A dataset of the hub is written huggingface:NAME, "
            "a built-in one builtin:squad-mini.",
        )
    name = split or "train"
    if path.suffix.lower() == ".json":
        content = json_content(path)
        if isinstance(content, dict) and content and all(isinstance(rows, list) for rows in content.values()):
            if set(content) == {"data"}:
                return {name: checked_rows(content["data"], path)}
            return {found: checked_rows(content[found], path) for found in chosen(list(content), split, dataset_path)}
        return {name: checked_rows(content, path)}
    return {name: read_file(path)}


def chosen(available: list[str], split: str | None, dataset_path: str) -> list[str]:
    if split is None:
        order = {"train": 0, "validation": 1, "test": 2}
        return sorted(available, key=lambda name: (order.get(name, 3), name))
    if split not in available:
        raise user_error("unknown_split", f"{dataset_path} has no split {split!r}.", f"It has: {', '.join(available)}.")
    return [split]


def read_file(path: Path) -> Iterable[dict]:
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return json_lines(path)
    if suffix == ".json":
        return checked_rows(json_content(path), path)
    if suffix == ".csv":
        return csv_rows(path)
    if suffix == ".parquet":
        return parquet_rows(path)
    if suffix == ".txt":
        return text_rows(path)
    raise user_error("unknown_file_type", f"{path.name} has an unknown type.", f"Known types: {' '.join(FILE_TYPES)}.")


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise user_error(
            "bad_encoding", f"{path.name} is not UTF-8 (byte {error.start}).", "Save it as UTF-8."
        ) from error
    except PermissionError as error:
        raise user_error("file_unreadable", f"{path.name} may not be read.", "Allow reading it.") from error


def bad_file(path: Path, bad: list[tuple[str, str, str]], total: int):
    """The user error bad_rows for a file whose bad rows are listed as (where, reason, what stands there)."""
    where, reason, sample = bad[0]
    count = f"{len(bad):,} of {total:,} rows are bad"
    message = f"{path.name}, {where}: {reason}. {count}. It reads: {sample[:200]!r}"
    return user_error("bad_rows", message, "Repair or remove these rows; none is skipped silently.")


def json_lines(path: Path) -> list[dict]:
    rows, bad = [], []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
            else:
                bad.append((f"line {number}", "not a JSON object", line))
        except json.JSONDecodeError as error:
            bad.append((f"line {number}", f"not JSON ({error.msg})", line))
    if bad:
        raise bad_file(path, bad, len(rows) + len(bad))
    return rows


def json_content(path: Path):
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            return json_lines(path)  # JSON lines under another name
        line = text.split("\n")[error.lineno - 1]
        where = f"line {error.lineno}"
        raise user_error(
            "bad_rows", f"{path.name}, {where}: not JSON ({error.msg}). It reads: {line[:200]!r}", "Repair it."
        ) from error


def checked_rows(content, path: Path) -> list[dict]:
    if not isinstance(content, list):
        raise user_error("bad_rows", f"{path.name} is not a list of rows.", 'Write [{"column": value, …}, …].')
    bad = [
        (f"row {number}", "not a JSON object", json.dumps(row, ensure_ascii=False))
        for number, row in enumerate(content, start=1)
        if not isinstance(row, dict)
    ]
    if bad:
        raise bad_file(path, bad, len(content))
    return content


def csv_rows(path: Path) -> list[dict]:
    """Rows by the header's names; cells that hold JSON objects or lists are read as such (answers, messages)."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header = next(reader, [])
    rows, bad = [], []
    for number, cells in enumerate(filter(None, reader), start=1):
        if len(cells) == len(header):
            rows.append(dict(zip(header, map(json_cell, cells), strict=True)))
        else:
            where = f"row {number} (line {reader.line_num})"
            bad.append((where, f"it has {len(cells)} cells, the header {len(header)}", ",".join(cells)))
    if bad:
        raise bad_file(path, bad, len(rows) + len(bad))
    return rows


def json_cell(cell: str):
    if cell[:1] in "[{" and cell[-1:] in "]}":
        try:
            return json.loads(cell)
        except json.JSONDecodeError:
            return cell
    return cell


def parquet_rows(path: Path) -> list[dict]:
    parquet = importlib.import_module("pyarrow.parquet")
    try:
        return parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise user_error("bad_file", f"{path.name} is not a Parquet file: {error}", "Write it again.") from error


def text_rows(path: Path) -> list[dict]:
    """A row a paragraph (blank lines part them); a file without blank lines has a row a line."""
    text = read_text(path).replace("\r\n", "\n")
    parts = text.split("\n\n") if "\n\n" in text.strip() else text.split("\n")
    return [{"text": part.strip()} for part in parts if part.strip()]


def read_hub(name: str, split: str | None) -> tuple[Splits, dict]:
    """A dataset of the hub, NAME or NAME:config, through `datasets` (HF_ENDPOINT, HF_HOME and HF_TOKEN count)."""
    use_cache_if_unreachable()
    datasets = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    repository, _, config = name.partition(":")
    try:
        found = datasets.load_dataset(repository, config or None)
    except Exception as error:
        raise explain_hub_error(error, "dataset", name) from error
    label_names = {}
    for column, feature in next(iter(found.values())).features.items():
        if isinstance(feature, datasets.ClassLabel):
            label_names[column] = feature.names
    return {part: found[part] for part in chosen(list(found), split, f"huggingface:{name}")}, label_names
