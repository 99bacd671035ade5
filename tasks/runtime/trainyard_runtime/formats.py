"""Dataset formats: how each is recognised, checked, written, and turned into text for a language model.

A dataset resource is a folder: dataset.json {"version", "format", "recognised_as", "columns", "splits": {name:
{"file", "num_rows"}}} and one JSON-lines file a split, every row in the normal form of its format:

squad              {"id", "title", "context", "question", "answers": {"text": [str], "answer_start": [int]}}
instruction        {"instruction", "input", "output"}
messages           {"messages": [{"role": "system"|"user"|"assistant"|"tool", "content": str}]}
prompt_completion  {"prompt", "completion"}
text               {"text"}
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .attempt import Attempt, read_json
from .errors import user_error

UNANSWERABLE = "unanswerable"
ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant"}
ROLES |= {"bing": "assistant", "model": "assistant", "system": "system", "tool": "tool", "function": "tool"}
TRAIN_SPLITS, VALIDATION_SPLITS = ("train",), ("validation", "valid", "val", "dev", "test")


class BadRow(Exception):
    """A row that is not what its format promises: which column, and why."""

    def __init__(self, column: str, reason: str):
        super().__init__(f"{column}: {reason}")
        self.column, self.reason = column, reason


@dataclass
class Format:
    """name: what is written; shown: what a person is told; columns: target → the source column it is read from."""

    name: str
    shown: str
    columns: dict[str, str]
    label_names: list[str] | None = None


def string(row: dict, column: str, required: bool = True) -> str:
    value = row.get(column)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise BadRow(column, "is missing" if value is None else f"is {type(value).__name__}, not text")
    if required and not value.strip():
        raise BadRow(column, "is empty")
    return value


# How each format's columns may be called, in order of preference. The first format whose required columns are all
# there is taken; optional ones are marked with ?.
KNOWN = [
    ("squad", {"context": ["context"], "question": ["question"], "answers": ["answers", "answer"], "title?": ["title"], "id?": ["id"]}),
    ("messages", {"messages": ["messages", "conversation", "dialog", "chat"]}),
    ("sharegpt", {"conversations": ["conversations"]}),
    ("instruction", {"instruction": ["instruction"], "output": ["output", "response", "answer"], "input?": ["input", "context"]}),
    ("prompt_completion", {"prompt": ["prompt", "question", "query"], "completion": ["completion", "response", "answer", "output", "chosen"]}),
    ("text", {"text": ["text", "content", "sentence", "review", "document"], "label?": ["label", "labels"]}),
]  # fmt: skip


def recognise(available: list[str], given: dict[str, str] | None = None) -> Format:
    """The format that these columns make, with `given` {"target": "source column"} winning over the usual names.

    User errors: unknown_column (a given source that isn't there), unknown_format.
    """
    given = given or {}
    for target, source in given.items():
        if source not in available:
            raise user_error(
                "unknown_column",
                f"columns maps {target} to {source!r}, which the data doesn't have.",
                f"Its columns are: {', '.join(available)}.",
            )
    if {"title", "paragraphs"} <= set(available):
        raise user_error(
            "unknown_format",
            "This is SQuAD's nested file (data → paragraphs → qas).",
            "Give the flat form: one row a question with context, question and answers.",
        )
    targets = {target.removesuffix("?") for _, wanted in KNOWN for target in wanted}
    unknown = sorted(set(given) - targets)
    if unknown:
        raise user_error(
            "unknown_column", f"columns has an unknown target {unknown[0]!r}.", f"Known: {', '.join(sorted(targets))}."
        )
    for name, wanted in KNOWN:
        if any(target not in wanted and target + "?" not in wanted for target in given):
            continue
        columns = {}
        for target, names in wanted.items():
            plain = target.removesuffix("?")
            source = given.get(plain) or next((column for column in names if column in available), None)
            if source is not None:
                columns[plain] = source
            elif not target.endswith("?"):
                break
        else:
            return Format("messages" if name == "sharegpt" else name, name, columns)
    raise user_error(
        "unknown_format",
        f"The columns {', '.join(available)} fit no known format.",
        'Map them with columns, for example {"prompt": "my_question", "completion": "my_answer"}. Known formats: '
        "SQuAD (context, question, answers), instruction (instruction, input, output), messages, ShareGPT "
        "(conversations), prompt/completion, text.",
    )


def normaliser(format: Format) -> Callable[[dict, int], dict]:
    """A function (row, number from 1) → row in the normal form; it raises BadRow."""
    columns = format.columns
    if format.name == "squad":
        return lambda row, number: squad_row(row, columns, number)
    if format.shown == "sharegpt":
        return lambda row, _: {
            "messages": sharegpt_messages(row.get(columns["conversations"]), columns["conversations"])
        }
    if format.name == "messages":
        return lambda row, _: {"messages": messages(row.get(columns["messages"]), columns["messages"])}
    if format.name == "instruction":
        return lambda row, _: {
            "instruction": string(row, columns["instruction"]),
            "input": string(row, columns["input"], required=False) if "input" in columns else "",
            "output": string(row, columns["output"]),
        }
    if format.name == "prompt_completion":
        return lambda row, _: {
            "prompt": string(row, columns["prompt"]),
            "completion": string(row, columns["completion"]),
        }
    return lambda row, _: {"text": labelled_text(row, columns, format.label_names)}


def squad_row(row: dict, columns: dict[str, str], number: int) -> dict:
    answers = row.get(columns["answers"])
    if isinstance(answers, str):
        answers = {"text": [answers], "answer_start": []}
    if not isinstance(answers, dict) or not isinstance(answers.get("text"), list):
        raise BadRow(columns["answers"], 'is not {"text": [...], "answer_start": [...]} or a text')
    if not all(isinstance(text, str) and text.strip() for text in answers["text"]):
        raise BadRow(columns["answers"], "has an answer that is empty or not a text")
    starts = answers.get("answer_start") or []
    return {
        "id": str(row.get(columns.get("id", "id")) or number),
        "title": string(row, columns["title"], required=False) if "title" in columns else "",
        "context": string(row, columns["context"]),
        "question": string(row, columns["question"]),
        "answers": {"text": answers["text"], "answer_start": [int(start) for start in starts]},
    }


def sharegpt_messages(value, column: str) -> list[dict]:
    if not isinstance(value, list):
        raise BadRow(column, "is not a list of turns")
    turns = []
    for turn in value:
        if not isinstance(turn, dict) or "from" not in turn or "value" not in turn:
            raise BadRow(column, 'has a turn without "from" and "value"')
        turns.append({"role": turn["from"], "content": turn["value"]})
    return messages(turns, column)


def messages(value, column: str) -> list[dict]:
    """Checked turns [{"role", "content"}] with at least one of the assistant's."""
    if not isinstance(value, list) or not value:
        raise BadRow(column, "is not a list of messages")
    turns = []
    for turn in value:
        if not isinstance(turn, dict) or not isinstance(turn.get("content"), str):
            raise BadRow(column, "has a message without a text content")
        role = ROLES.get(str(turn.get("role")).lower())
        if role is None:
            raise BadRow(column, f"has an unknown role {turn.get('role')!r}")
        turns.append({"role": role, "content": turn["content"]})
    if not any(turn["role"] == "assistant" for turn in turns):
        raise BadRow(column, "has no message of the assistant to learn from")
    return turns


def labelled_text(row: dict, columns: dict[str, str], names: list[str] | None) -> str:
    """The row's text; with a label column the label's name stands under it."""
    text = string(row, columns["text"])
    label = row.get(columns.get("label", ""))
    if label is None:
        return text
    named = names[label] if names and isinstance(label, int) and 0 <= label < len(names) else label
    return f"{text}\nLabel: {named}"


# ---- a written dataset ----------------------------------------------------------------------------------------


@dataclass
class Dataset:
    """A dataset resource, opened."""

    folder: Path
    format: str
    splits: dict[str, dict]

    @staticmethod
    def open(attempt: Attempt, input_name: str = "dataset_id") -> "Dataset":
        folder, _ = attempt.resource(input_name, "dataset")
        described = read_json(folder / "dataset.json")
        return Dataset(folder, described["format"], described["splits"])

    def rows(self, split: str) -> list[dict]:
        with open(self.folder / self.splits[split]["file"], encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    @property
    def train_split(self) -> str:
        return next((name for name in TRAIN_SPLITS if name in self.splits), next(iter(self.splits)))

    @property
    def validation_split(self) -> str | None:
        """The split to watch while training: never the one trained on."""
        found = next((name for name in VALIDATION_SPLITS if name in self.splits), None)
        return None if found == self.train_split else found

    @property
    def evaluation_split(self) -> str:
        """validation, else test, else what there is."""
        return self.validation_split or self.train_split


# ---- rows as text ---------------------------------------------------------------------------------------------


def gold_answers(row: dict) -> list[str]:
    return row["answers"]["text"] or [UNANSWERABLE]


def prompt_and_completion(row: dict, format: str) -> tuple[str, str]:
    """What the model is given and what it should say; the completion begins with its space or line break.

    SQuAD's form is lm-evaluation-harness's (squadv2): Title, Background, Question, Answer.
    """
    if format == "squad":
        title = f"Title: {row['title']}\n\n" if row["title"] else ""
        prompt = f"{title}Background: {row['context']}\n\nQuestion: {row['question']}\n\nAnswer:"
        return prompt, f" {gold_answers(row)[0]}"
    if format == "instruction":
        given = f"### Input:\n{row['input']}\n\n" if row["input"] else ""
        return f"### Instruction:\n{row['instruction']}\n\n{given}### Response:\n", row["output"]
    if format == "prompt_completion":
        joint = "" if row["prompt"][-1:].isspace() or row["completion"][:1].isspace() else " "
        return row["prompt"], joint + row["completion"]
    return "", row["text"]


def plain_text(row: dict, format: str) -> str:
    """The whole row as one text, for training from scratch and for perplexity."""
    if format == "messages":
        return "".join(f"{turn['role'].capitalize()}: {turn['content']}\n" for turn in row["messages"])
    prompt, completion = prompt_and_completion(row, format)
    return prompt + completion


def segments(row: dict, format: str, tokenizer) -> Iterator[tuple[str, bool]]:
    """The row as pieces (text, is it a completion?), in order; chats through the tokenizer's template if it has one."""
    if format != "messages":
        prompt, completion = prompt_and_completion(row, format)
        if prompt:
            yield prompt, False
        yield completion, bool(completion.strip())
        return
    turns, done = row["messages"], ""
    for index, turn in enumerate(turns):
        if turn["role"] != "assistant":
            continue
        before = chat_text(turns[:index], tokenizer, True)
        until = chat_text(turns[: index + 1], tokenizer, False)
        if not (before.startswith(done) and until.startswith(before)):
            continue  # the template rewrites earlier turns: only those it leaves alone are learned
        yield before[len(done) :], False
        yield until[len(before) :], bool(turn["content"].strip())
        done = until


def chat_text(turns: list[dict], tokenizer, ask: bool) -> str:
    """The turns as the tokenizer's chat template writes them, else as `Role: text` lines; ask: ready for an answer."""
    if tokenizer.chat_template:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask)
    text = "".join(f"{turn['role'].capitalize()}: {turn['content']}\n" for turn in turns)
    return text + "Assistant:" if ask else text
