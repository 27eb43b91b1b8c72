"""Serves the models alone: the texts' pieces are looked up, and all of a request runs at once.

It does less than Tidegate: no cutting into pieces, no normalising, no lists, no policy.
"""

import json
import os
import tomllib

import numpy
import onnxruntime
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from texts import FIRST, SECOND

MODELS = os.environ["MODELS"]
with open(f"{MODELS}/manifest.toml", "rb") as manifest:
    first, second = tomllib.load(manifest)["model"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1


def opened(entry):
    return onnxruntime.InferenceSession(f"{MODELS}/{entry['file']}", options)


def run(session, rows):
    """One run over all of them, each as long as the longest."""
    batch = numpy.zeros((len(rows), max(map(len, rows))), dtype=numpy.int32)
    for at, row in enumerate(rows):
        batch[at, : len(row)] = row
    return session.run(None, {"ids": batch})[0]


quick, deep = opened(first), opened(second)
WEIGHT = first["second"]["weight"]
BANDS = first["second"]["uncertain"]
LOW = numpy.array([BANDS.get(head, [2, 2])[0] for head in first["heads"]])
HIGH = numpy.array([BANDS.get(head, [2, 2])[1] for head in first["heads"]])


def score(texts):
    """As the manifest says: what the first leaves uncertain, the second reads too."""
    scores = run(quick, [FIRST[text] for text in texts])
    (unsure,) = numpy.nonzero(((scores >= LOW) & (scores <= HIGH)).any(axis=1))
    if len(unsure):
        deeper = run(deep, [SECOND[texts[at]] for at in unsure])
        scores[unsure] += WEIGHT * (deeper - scores[unsure])
    return scores.tolist()


async def judge(request):
    body = await request.json()
    texts = [message["text"] for message in body["messages"]]
    return JSONResponse({"messages": [{"scores": row} for row in score(texts)]})


app = Starlette(routes=[Route("/v1/judge", judge, methods=["POST"])])
