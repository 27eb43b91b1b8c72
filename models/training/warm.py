"""Starts a run from a shipped model: gives a network the weights of an 8-bit ONNX file.

The digits that quantisation took are lost, and training makes little of that. The vocabulary must be
the shipped one.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export import traced


def load(model, shipped: Path):
    """Matrices lose their names in an export, so a fresh export of `model` tells which is which."""
    probe = shipped.with_name("probe.onnx")
    traced(model, probe)
    named, old = tensors(probe), tensors(shipped)
    probe.unlink()
    state = {}
    for name, value in model.state_dict().items():
        own = value.numpy()
        stored, turned = (name, False) if name in old else matching(own, named)
        found = old.get(stored)
        if found is None:
            found = old[f"{stored}.q"].astype(np.float32) * old[f"{stored}.s"]
        state[name] = torch.from_numpy(np.array(found.T if turned else found, np.float32))
    model.load_state_dict(state)


def tensors(path: Path) -> dict[str, np.ndarray]:
    stored = onnx.load(str(path)).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}


def matching(own: np.ndarray, named: dict[str, np.ndarray]) -> tuple[str, bool]:
    """The exported tensor with these values, and whether it is turned."""
    for name, values in named.items():
        for turned, candidate in ((False, values), (True, values.T)):
            if candidate.shape == own.shape and np.array_equal(candidate, own):
                return name, turned
    raise ValueError("a weight that the export does not have")
