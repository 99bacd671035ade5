"""Writes builtin:squad-mini: python scripts/make_squad_mini.py [FOLDER]. The same script writes the same bytes."""

import json
import sys
from pathlib import Path

from small_world import World, question_row

ROWS = {"train": 2400, "validation": 240}
SEEDS = {"train": 1, "validation": 2}
HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "trainyard_runtime" / "builtin" / "squad-mini"


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in ROWS.items():
        world = World(split, SEEDS[split])
        rows = [{**question_row(world, number), "id": f"{split}-{number:04d}"} for number in range(count)]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
        print(f"{split}: {count} rows, {len(lines):,} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
