"""Makes training examples on every core: rows picked by their share, written noisily, cut to pieces."""

import multiprocessing
import random
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import rows
import written
from noise import noisy
from text import PAD, Pieces

# A pass over the data is made in so many parts, each a job of its own.
PARTS = 16
WRITTEN = 0.5  # lines of our own for each row of the sets
# How often a line stands among ordinary ones in one message, and how many of them at most.
JOINED, BESIDE_MAX = 0.08, 4


@dataclass
class Part:
    """Some thousand examples; `ids` by vocabulary, flat, with `ends` between texts."""

    ids: list[np.ndarray]
    ends: list[np.ndarray]
    values: np.ndarray
    weights: np.ndarray

    def __len__(self):
        return len(self.values)

    def padded(self, which: int, picked: np.ndarray) -> torch.Tensor:
        ends = self.ends[which]
        starts = np.where(picked > 0, ends[picked - 1], 0)
        lengths = ends[picked] - starts
        # GPUs like a multiple of eight.
        place = np.arange(-(-lengths.max() // 8) * 8)
        inside = place < lengths[:, None]
        at = np.where(inside, starts[:, None] + place, 0)
        return torch.from_numpy(np.where(inside, self.ids[which][at], PAD).astype(np.int32))

    def batches(self, which: int, size: int, seed: int):
        """Places in this part, those of a like length together."""
        lengths = np.diff(self.ends[which], prepend=0)
        chance = np.random.default_rng(seed)
        order = np.lexsort((chance.random(len(self)), lengths))
        cut = [order[i : i + size] for i in range(0, len(order), size)]
        chance.shuffle(cut)
        return cut


def padded(coded: list[list[int]]) -> torch.Tensor:
    width = max(map(len, coded))
    return torch.tensor([ids + [PAD] * (width - len(ids)) for ids in coded], dtype=torch.int32)


_data: list = []
_vocabularies: list = []


def start(data: Path, vocabularies: list[Path]):
    global _data, _vocabularies
    _data = rows.training(data)
    _vocabularies = [Pieces(path) for path in vocabularies]


def joined(row: rows.Row, ordinary: list[str], chance: random.Random) -> str:
    """The row's text, at times between ordinary ones, beside which it says what it said alone."""
    if not ordinary or len(row.text) > 120 or chance.random() >= JOINED:
        return row.text
    # Harm must not drown in what stands beside it.
    most = BESIDE_MAX if row.is_harmless() else 2
    texts = [row.text, *chance.choices(ordinary, k=chance.randint(1, most))]
    # What is harmful stays before a cut.
    if row.is_harmless() or sum(map(len, texts)) < 110:
        chance.shuffle(texts)
    return chance.choice([". ", ". ", " ", ", ", "! ", " / "]).join(texts)


def part(job: tuple[int, int]) -> Part:
    """One of a pass's parts."""
    seed, number = job
    epoch, place = divmod(number, PARTS)
    chance = random.Random(seed * 1_000_003 + epoch)
    picked = []
    for row in _data:
        share = rows.SHARES[row.source]
        picked += [row] * (int(share) + (chance.random() < share % 1))
    chance.shuffle(picked)
    picked = picked[place::PARTS]
    chance = random.Random(seed * 1_000_003 + number + 1)
    picked += written.sample(int(len(picked) * WRITTEN), chance.randrange(1 << 30))
    chance.shuffle(picked)
    ordinary = defaultdict(list)
    for row in picked:
        if row.is_harmless() and all(row.weights) and len(row.text) < 80:
            ordinary[row.lang].append(row.text)
    texts = [joined(row, ordinary[row.lang], chance) for row in picked]
    texts = [
        noisy(text, row.lang, chance, row.is_harmless()) for text, row in zip(texts, picked)
    ]
    ids, ends = [], []
    for pieces in _vocabularies:
        coded = pieces.batch(texts)
        ids.append(np.fromiter((i for each in coded for i in each), np.uint16))
        ends.append(np.cumsum([len(each) for each in coded]))
    take = lambda key: np.array([getattr(row, key) for row in picked], np.float16)
    return Part(ids, ends, take("values"), take("weights"))


class Feed:
    """Parts in order of their number, made ahead by all cores and kept for the next network."""

    def __init__(self, data: Path, vocabularies: list[Path], count: int, seed: int = 1):
        self.count, self.parts = count, []
        self.more = threading.Condition()
        cores = max(1, (multiprocessing.cpu_count() or 2) - 1)
        fork = multiprocessing.get_context("fork")
        start(data, vocabularies)
        self.pool = fork.Pool(cores)
        jobs = self.pool.imap(part, [(seed, number) for number in range(count)])
        threading.Thread(target=self.gather, args=(jobs,), daemon=True).start()

    def gather(self, jobs):
        for made in jobs:
            with self.more:
                self.parts.append(made)
                self.more.notify_all()

    def get(self, number: int) -> Part:
        with self.more:
            self.more.wait_for(lambda: len(self.parts) > number)
            return self.parts[number]
