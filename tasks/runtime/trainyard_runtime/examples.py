"""Rows as token ids with labels: completion-only, nothing cut or dropped without saying so."""

from .attempt import Attempt
from .errors import user_error
from .formats import segments

IGNORED = -100  # a label that has no part in the loss


def encode_rows(attempt: Attempt, rows: list[dict], format: str, tokenizer, max_length: int) -> list[dict]:
    """Examples {"input_ids": [int], "labels": [int]}, labels -100 outside completions; at most max_length tokens each.

    A prompt that is too long loses its beginning, a plain text is cut into several examples. Rows without a label
    are left out with a warning; when no row has one, user error no_labels.
    """
    eos, adds_bos = tokenizer.eos_token_id, starts_with_bos(tokenizer, format)
    pieces = [list(segments(row, format, tokenizer)) for row in rows]
    texts = ["".join(text for text, _ in parts) for parts in pieces]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True) if texts else {"input_ids": []}
    examples, cut, empty = [], 0, []
    for index, ids in enumerate(encoded["input_ids"]):
        wanted = completion_spans(pieces[index])
        labels = [
            id if any(end > first and start < last for first, last in wanted) else IGNORED
            for id, (start, end) in zip(ids, encoded["offset_mapping"][index], strict=True)
        ]
        if eos is not None and any(label != IGNORED for label in labels) and ids[-1] != eos:
            ids, labels = [*ids, eos], [*labels, eos]
        if adds_bos:
            ids, labels = [tokenizer.bos_token_id, *ids], [IGNORED, *labels]
        if all(label == IGNORED for label in labels):
            empty.append(index + 1)
            continue
        cut += len(ids) > max_length
        if format == "text":
            examples += blocks(ids, labels, max_length)
        else:
            examples.append(shortened(ids, labels, max_length))
    if not examples:
        raise user_error(
            "no_labels",
            f"Not one of the {len(rows):,} rows has a token to learn from: every completion is empty.",
            "Check which column holds the answer (load_dataset's columns) and that it isn't empty.",
        )
    if empty:
        attempt.message(f"{len(empty):,} rows have no completion and are left out, first row {empty[0]}.", "warning")
    if cut:
        what = "are cut into pieces" if format == "text" else "lose the beginning of their prompt"
        attempt.message(f"{cut:,} rows are longer than max_seq_length {max_length} and {what}.", "warning")
    return examples


def starts_with_bos(tokenizer, format: str) -> bool:
    """Whether the tokenizer puts its BOS before a text; a chat template writes its own."""
    if tokenizer.bos_token_id is None or (format == "messages" and tokenizer.chat_template):
        return False
    return tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]


def completion_spans(parts: list[tuple[str, bool]]) -> list[tuple[int, int]]:
    """[start, end) in characters of the pieces that are completions."""
    spans, position = [], 0
    for text, is_completion in parts:
        if is_completion:
            spans.append((position, position + len(text)))
        position += len(text)
    return spans


def blocks(ids: list[int], labels: list[int], length: int) -> list[dict]:
    starts = range(0, len(ids), length)
    parts = [{"input_ids": ids[at : at + length], "labels": labels[at : at + length]} for at in starts]
    return [part for part in parts if len(part["input_ids"]) > 1]


def shortened(ids: list[int], labels: list[int], length: int) -> dict:
    """At most `length` tokens: the first one and the completion stay, the prompt's beginning goes."""
    over = len(ids) - length
    if over > 0:
        prompt = next(index for index, label in enumerate(labels) if label != IGNORED)
        drop = min(over, max(prompt - 2, 0))
        ids, labels = [ids[0], *ids[1 + drop :]][:length], [labels[0], *labels[1 + drop :]][:length]
    return {"input_ids": ids, "labels": labels}
