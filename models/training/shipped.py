"""A network as its file gives it, asked as the product asks it."""

from pathlib import Path

import numpy as np
import onnxruntime

from text import Pieces


class Shipped:
    def __init__(self, out: Path, name: str):
        self.out, self.name = out, name
        self.pieces = Pieces(out / f"{name}.pieces")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(out / f"{name}.onnx"), options)

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
