"""Compares the model with word lists and an open classifier on the dev rows.

    compare.py --data DIR --tidegate BINARY

Each says toxic or not of every row that has a `toxic` label. `alt-profanity-check` (a linear model on
words, English) is asked for its own decision; the word lists by `tidegate judge --no-model`, where
anything found counts; the model by its score at 0.5; the product by whether it lets the line pass.
The tables go to standard output; `benches/classifiers.rs` has the Rust peers.
"""

import json
import subprocess
from collections import defaultdict
from pathlib import Path

import arguments
import rows


def judged(binary: Path, texts, *flags: str) -> list[dict]:
    lines = "".join(json.dumps({"id": str(i), "text": t}) + "\n" for i, t in enumerate(texts))
    command = [binary, "judge", "--jsonl", *flags]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def figures(said, meant) -> tuple[float, float, float, float]:
    hit = sum(s and m for s, m in zip(said, meant))
    alarm = sum(s and not m for s, m in zip(said, meant))
    miss = sum(m and not s for s, m in zip(said, meant))
    clean = len(meant) - hit - alarm - miss
    share = lambda part, whole: part / whole if whole else float("nan")
    return (
        share(hit, hit + alarm), share(hit, hit + miss),
        share(2 * hit, 2 * hit + alarm + miss), share(alarm, alarm + clean),
    )  # fmt: skip


def main(args):
    from profanity_check import predict

    dev = [row for row in rows.held_back(args.data) + rows.own_dev() if "toxic" in row.known]
    texts = [row.text for row in dev]
    lists, whole = judged(args.tidegate, texts, "--no-model"), judged(args.tidegate, texts)
    said = {
        "alt-profanity-check 1.9.1": [bool(p) for p in predict(texts)],
        "word lists alone": [bool(v["findings"]) for v in lists],
        "model alone, toxic ≥ 0.5": [v["scores"]["toxic"] >= 0.5 for v in whole],
        "not passed, standard": [v["verdict"] != "pass" for v in whole],
    }
    groups = defaultdict(list)
    for index, row in enumerate(dev):
        kind = (
            "own dev"
            if row.source == "own"
            else "ordinary"
            if row.source.startswith("benign")
            else "sets"
        )
        if row.lang in ("en", "fr") or kind == "ordinary":
            groups[kind, row.lang].append(index)
    for (kind, lang), own in sorted(groups.items()):
        meant = [dev[i].known["toxic"] >= 0.5 for i in own]
        print(f"\n{kind}, {lang}: {len(own)} rows, {sum(meant)} toxic")
        print("| | precision | recall | F1 | false positives |\n|---|---|---|---|---|")
        for name, answers in said.items():
            row = figures([answers[i] for i in own], meant)
            print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")


if __name__ == "__main__":
    main(arguments.parser(__doc__, "data", "tidegate").parse_args())
