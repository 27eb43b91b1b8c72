"""Scores the held-back rows: area under the curve, F1 and false positives by set and head."""

from collections import defaultdict

import numpy as np
from sklearn.metrics import roc_auc_score

from rows import HEADS


def auc(said: np.ndarray, meant: np.ndarray) -> float:
    return roc_auc_score(meant, said) if 0 < meant.sum() < len(meant) else float("nan")


def by_source(rows, scores: np.ndarray) -> dict:
    """By set and head: rows, positives, AUC, F1 and false-positive rate at 0.5."""
    groups = defaultdict(list)
    for index, row in enumerate(rows):
        for head in row.known:
            groups[
                row.source, row.lang if row.source != "train/rtp_lx_other" else "*", head
            ].append(index)
    table = {}
    for (source, lang, head), own in sorted(groups.items()):
        column = HEADS.index(head)
        said = scores[own, column]
        meant = np.array([rows[i].known[head] >= 0.5 for i in own])
        hit, alarm = (said >= 0.5) & meant, (said >= 0.5) & ~meant
        f1 = 2 * hit.sum() / max(1, (said >= 0.5).sum() + meant.sum())
        fpr = alarm.sum() / max(1, (~meant).sum())
        table[source, lang, head] = (len(own), int(meant.sum()), auc(said, meant), f1, fpr)
    return table


def show(table: dict):
    print(
        f"{'set':28} {'lang':5} {'head':14} {'rows':>6} {'meant':>6} {'auc':>6} {'f1':>6} {'fpr':>6}"
    )
    for (source, lang, head), (count, meant, area, f1, fpr) in table.items():
        print(
            f"{source:28} {lang:5} {head:14} {count:6} {meant:6} {area:6.3f} {f1:6.3f} {fpr:6.3f}"
        )
