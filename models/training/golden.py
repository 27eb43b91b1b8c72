"""Writes texts with their ids, so that a test can hold the product's reading to this one.

golden.py WORK OUT
"""

import json
import random
import sys
from pathlib import Path

import written
from noise import noisy
from text import Pieces

# Parts of Unicode in which texts are known to be read differently by careless code.
RANGES = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x900, 0x97F), (0x1100, 0x11FF),
    (0x2000, 0x206F), (0x2190, 0x27BF), (0x3040, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF),
    (0xFE00, 0xFEFF), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1FAFF),
    (0xE0000, 0xE007F),
]  # fmt: skip
PLAIN = ["a", "b", "c", " ", " ", "e", "é", "Σ", "1", "!", "😂"]
EDGES = [
    "", "   ", "ΑΣ", "aaaaa 1111", "www.x.y hello HTTP://A.b", "İstanbul", "<s> <pad> hello",
    "\u2060pad \u20600", "x" * 300, "word " * 200, "🇫🇷🇫🇷 👨‍👩‍👧 ❤️", "\t a\u0000b\u0085c ",
]  # fmt: skip


def texts(chance: random.Random) -> list[str]:
    found = [noisy(row.text, row.lang, chance) for row in written.sample(2000, seed=3)]
    for _ in range(1500):
        length = chance.randint(0, 60)
        any_letter = lambda: chr(chance.randint(*chance.choice(RANGES)))
        found.append(
            "".join(
                any_letter() if chance.random() < 0.6 else chance.choice(PLAIN)
                for _ in range(length)
            )
        )
    return found + EDGES


def main(work: Path, out: Path):
    every = texts(random.Random(5))
    write(Pieces(work / "tide.pieces"), every, out / "ids.jsonl")
    write(Pieces(work / "deep.pieces"), every[::8] + EDGES, out / "deep_ids.jsonl")


def write(pieces: Pieces, every: list[str], to: Path):
    with open(to, "w", encoding="utf-8", newline="\n") as file:
        for text in every:
            row = {"text": text, "ids": pieces.windows(text)}
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
