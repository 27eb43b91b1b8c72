"""Fits a network to examples, and to what better networks say of them."""

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from feed import Feed, padded

# The rarer a head's positives, the more each counts.
BOOST = torch.tensor([1.0, 1.0, 1.0, 1.5, 1.2, 1.0, 1.5, 2.0])
BATCH, WARMUP, SHOWN, DROP = 384, 300, 100, 0.1
SAVE_EVERY_S = 300
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def automatic():
    return torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda")


def rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARMUP) * max(0.02, 1 - step / steps)


def losses(logits, values, weights, advised, trust: float):
    """Raters' labels where there are any, and a teacher's on every head."""
    hard = F.binary_cross_entropy_with_logits(logits, values, reduction="none")
    loss = (hard * weights).sum() / weights.sum()
    if advised is None:
        return loss
    soft = F.binary_cross_entropy_with_logits(logits, advised)
    return (1 - trust) * loss + trust * 2 * soft


def stream(feed: Feed, which: int, first: int, steps: int):
    """The number of a part, the part and some of its places, batch by batch."""
    step, number = 0, first
    while step < steps:
        part = feed.get(number % feed.count)
        for picked in part.batches(which, BATCH, number):
            if step < steps:
                yield number % feed.count, part, picked
            step += 1
        number += 1


def fit(model, feed: Feed, which: int, examples: int, rates, checkpoint: Path, said=None,
        trust=0.5, first=0, name=""):  # fmt: skip
    """`rates`: [(parameters, rate, decay)]; `said`: a teacher's probabilities by part."""
    model.to(DEVICE).train()
    groups = [{"params": list(p), "lr": 0.0, "first": r, "weight_decay": d} for p, r, d in rates]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    steps, done = max(1, examples // BATCH), resumed(checkpoint, model, optimiser)
    started = saved = time.monotonic()
    total, boost = torch.zeros((), device=DEVICE), BOOST.to(DEVICE)
    for step, (number, part, picked) in enumerate(stream(feed, which, first, steps)):
        if step < done:
            continue
        for group in optimiser.param_groups:
            group["lr"] = group["first"] * rate(step, steps)
        take = lambda values: torch.from_numpy(values[picked]).to(DEVICE).float()
        advised = None
        if said is not None:
            advised = said[number][torch.from_numpy(picked).to(DEVICE)].float()
        with automatic():
            logits = model.logits(part.padded(which, picked).to(DEVICE), DROP).float()
        loss = losses(logits, take(part.values), take(part.weights) * boost, advised, trust)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        total += loss.detach()
        if (step + 1) % SHOWN == 0 or step + 1 == steps:
            pace = (step + 1 - done) * BATCH / (time.monotonic() - started)
            mean = total.item() / (step % SHOWN + 1)
            print(f"{name} {step + 1}/{steps} loss {mean:.4f} {pace:.0f} examples/s", flush=True)
            total.zero_()
        if time.monotonic() - saved > SAVE_EVERY_S:
            save(checkpoint, model, optimiser, step + 1)
            saved = time.monotonic()
    return model.eval()


def resumed(checkpoint: Path, model, optimiser) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location=DEVICE, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"]


def save(path: Path, model, optimiser, step: int):
    """Written beside and moved over, so that a kill leaves the old one whole."""
    fresh = path.with_suffix(".fresh")
    torch.save(
        {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, fresh
    )
    fresh.replace(path)


@torch.no_grad()
def advice(teachers, which: int, feed: Feed) -> list[torch.Tensor]:
    """What the teachers say together of each part's examples."""
    found = []
    for number in range(feed.count):
        part = feed.get(number)
        said = torch.zeros(len(part), BOOST.numel(), device=DEVICE)
        for picked in part.batches(which, 2048, 0):
            ids = part.padded(which, picked).to(DEVICE)
            with automatic():
                each = [torch.sigmoid(t.logits(ids).float()) for t in teachers]
            said[torch.from_numpy(picked).to(DEVICE)] = torch.stack(each).mean(0)
        found.append(said.half())
    return found


@torch.no_grad()
def logits(model, coded: list[list[int]], size: int = 128) -> np.ndarray:
    """The heads' logits of rows of ids."""
    model.to(DEVICE).eval()
    order = sorted(range(len(coded)), key=lambda i: len(coded[i]))
    found = np.zeros((len(coded), BOOST.numel()), np.float32)
    for at in range(0, len(order), size):
        picked = order[at : at + size]
        with automatic():
            answer = model.logits(padded([coded[i] for i in picked]).to(DEVICE))
        found[picked] = answer.float().cpu().numpy()
    return found
