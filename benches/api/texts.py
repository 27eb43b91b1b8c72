"""Reads the texts that both models' pieces are written down for, and the pieces of each."""

import json
import os


def pieces(path):
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["text"]: row["ids"][0] for row in rows if len(row["ids"]) == 1}


FIRST = pieces(os.path.join(os.environ["IDS"], "ids.jsonl"))
SECOND = pieces(os.path.join(os.environ["IDS"], "deep_ids.jsonl"))
TEXTS = [text for text in FIRST if text in SECOND]
