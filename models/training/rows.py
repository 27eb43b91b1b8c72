"""Reads labelled rows: heads that a row does not name are unknown, never zero."""

import gzip
import json
import re
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

WORDLISTS = Path(__file__).parents[2] / "wordlists"

HEADS = ["toxic", "severe", "insult", "threat", "identity_hate", "obscene", "sexual", "self_harm"]

# Share of each set in an epoch: 1 is every row once. Noisy, one-sided and large sets less, the
# scarce French ones more. Not here: jigsaw_sentences (a compilation without a licence of its own).
SHARES = {
    "train/paradetox": 0.6,
    "train/jigsaw_sample": 1.0,
    "train/toxifrench_jigsaw": 2.0,
    "train/toxic_spans": 0.7,
    "train/surge_toxicity": 1.5,
    "train/davidson": 0.25,
    "train/hatexplain": 0.5,
    "train/dynahate": 1.0,
    "train/ken20_measuring_hate": 0.5,
    "train/edos_sexism": 0.5,
    "train/hatemoji_build": 1.0,
    "train/stormfront": 0.3,
    "train/misogyny_reddit": 0.4,
    "train/toxigen_demonstrations": 1.5,
    "train/madlibs": 0.3,
    "train/rtp_lx": 1.5,
    "train/rtp_lx_other": 0.1,
    "train/toxifrench_agreement": 6.0,
    "train/mlma": 0.3,
    "train/ailuminate": 0.5,
    "benign/goemotions": 0.35,
    "benign/ubuntu_irc": 0.3,
    "benign/rtp_lx": 1.0,
    "benign/rtp_lx_de_es": 0.5,
    "benign/ud_french_spoken": 0.8,
}
# Other languages are not what a probability is meant for.
FOREIGN = {"train/rtp_lx_other", "benign/rtp_lx_de_es"}
# Ordinary talk says no to every head, and a clean rewrite to those that need a target; less surely
# than a rater would.
IMPLIED = 0.3
CLEAN_OF = ["insult", "threat", "identity_hate", "severe"]
CLEAN_SETS = {"train/paradetox", "train/surge_toxicity", "train/madlibs"}

# Each set marks what it hid in its own way, and the mark would tell the model where a row is from.
USER = re.compile(r"@?\[user\]|<user>|@user\b|\[name\]", re.I)
LINK = re.compile(r"\[url\]|<url>|@url\b|\burl\b|https?\S*", re.I)
NUMBER = re.compile(r"<number>|\[number\]", re.I)
# Some sets split what belongs together: "don ' t .".
APART = re.compile(r" (['’]) ?(?=(?:t|s|m|d|re|ve|ll)\b)| (?=[.,!?;:]( |$))", re.I)


@dataclass
class Row:
    text: str
    lang: str
    values: list[float]
    weights: list[float]
    source: str
    slice: str = ""
    known: dict = field(default_factory=dict)

    def is_harmless(self) -> bool:
        """No head says anything against it, and somebody asked for the first of them."""
        return self.weights[0] > 0 and max(self.values) == 0


def clean(text: str) -> str:
    text = LINK.sub("https://x", text)
    text = NUMBER.sub("7", text)
    return APART.sub(lambda m: m[1] or "", text)


def read(path: Path, source: str) -> list[Row]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        return [row(json.loads(line), source) for line in lines]


def row(found: dict, source: str) -> Row:
    labels = found["labels"]
    values = [float(labels.get(head, 0.0)) for head in HEADS]
    weights = [1.0 if head in labels else 0.0 for head in HEADS]
    implied = HEADS if source.startswith("benign/") else []
    if source in CLEAN_SETS and labels.get("toxic", 1.0) < 0.5:
        implied = CLEAN_OF
    for index, head in enumerate(HEADS):
        if head in implied and not weights[index]:
            weights[index] = IMPLIED
    text = clean(found["text"])
    return Row(text, found["lang"], values, weights, source, found.get("slice", ""), labels)


def own_dev() -> list[Row]:
    """Lines written apart from the training lines, by another hand, to see composition by."""
    return read(Path(__file__).with_name("own_dev.jsonl"), "own")


@cache
def slurs(lang: str) -> tuple[list[str], list[str]]:
    """Listed slurs of severity 3 and more: one person's, several people's."""
    found = set()
    for line in (WORDLISTS / lang / "hate.txt").read_text("utf-8").splitlines():
        parts = line.split(maxsplit=2)
        if len(parts) == 3 and parts[0] in "34" and parts[1] == "word":
            found.add(parts[2])
    several = sorted(word for word in found if word.endswith("s") and word[:-1] in found)
    return sorted(found - set(several)), several


def training(data: Path) -> list[Row]:
    return [row for source in SHARES for row in read(data / f"{source}.jsonl.gz", source)]


def held_back(data: Path) -> list[Row]:
    """The dev split of every set that is trained on."""
    rows = []
    for source in SHARES:
        name = source.removeprefix("train/").replace("/", "_")
        rows += read(data / "dev" / f"{name}.jsonl.gz", source)
    return rows


def is_fitted_on(row: Row) -> bool:
    """Half of the rows of the languages that the model is for, the same half every time."""
    return row.source not in FOREIGN and zlib.crc32(row.text.encode()) % 2 == 0
