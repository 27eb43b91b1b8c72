"""The deeper network, which reads what the first leaves uncertain: layers of multilingual e5-small
(a BERT of width 384), cut to the chosen pieces, with the same heads."""

import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from torch import nn

from rows import HEADS
from text import INPUT_MAX, PAD

WIDTH, PARTS, INNER, EPS = 384, 12, 1536, 1e-12
# How each layer's matrices are named here and in the base file.
MATRICES = {
    "q": ("q", (WIDTH, WIDTH)), "k": ("k", (WIDTH, WIDTH)), "v": ("v", (WIDTH, WIDTH)),
    "out": ("ao", (WIDTH, WIDTH)), "up": ("fi", (INNER, WIDTH)), "down": ("fo", (WIDTH, INNER)),
}  # fmt: skip


class Base:
    """e5-small as its packager stores it: pieces, their log probabilities, weights of 4 bits.

    It answers what `vocabulary.py` asks of a SentencePiece model."""

    BEGIN, END, UNKNOWN = 0, 2, 3

    def __init__(self, path: Path):
        self.file = path.read_bytes()
        self.at = 8
        self.size = self.take("<7i")[4]
        self.take("<fi")
        count = self.take("<5i")[0]
        text_size = self.take("<Q")[0]
        ends = self.array(np.uint32, count + 1)
        self.scores = self.array(np.float32, count)
        text = self.file[self.at : self.at + text_size]
        self.at += text_size
        self.pieces = [text[a:b].decode("utf-8", "replace") for a, b in zip(ends, ends[1:])]
        self.at += 8 + self.take("<iI")[1]
        self.tensors = {}
        for _ in range(self.take("<i")[0]):
            length = self.take("<H")[0]
            name = self.file[self.at : self.at + length].decode()
            self.at += length + 1
            self.tensors[name] = self.take("<IQQ")[1:]
        special = {self.BEGIN, 1, self.END, self.UNKNOWN}
        shown = [(f"\u2060{i}" if i in special else p) for i, p in enumerate(self.pieces)]
        self.model = Tokenizer(
            Unigram(list(zip(shown, map(float, self.scores))), self.UNKNOWN, byte_fallback=False)
        )

    def take(self, form: str):
        found = struct.unpack_from(form, self.file, self.at)
        self.at += struct.calcsize(form)
        return found

    def array(self, kind, count: int) -> np.ndarray:
        found = np.frombuffer(self.file, kind, count, self.at)
        self.at += found.nbytes
        return found

    def tensor(self, name: str, shape) -> np.ndarray:
        start, size = self.tensors[name]
        count = int(np.prod(shape))
        if size == 4 * count:
            return np.frombuffer(self.file, np.float32, count, start).reshape(shape)
        # Blocks of 32: a scale of 16 bits, then low and high halves of 16 bytes.
        raw = np.frombuffer(self.file, np.uint8, count // 32 * 18, start).reshape(-1, 18)
        scale = raw[:, :2].copy().view(np.float16).astype(np.float32)
        whole = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], 1).astype(np.float32) - 8
        return (whole * scale).reshape(shape)

    def encode(self, text):
        spelt = lambda t: "\u2581" + t.replace(" ", "\u2581")
        if isinstance(text, str):
            return self.model.encode(spelt(text), add_special_tokens=False).ids
        found = self.model.encode_batch([spelt(t) for t in text], add_special_tokens=False)
        return [e.ids for e in found]

    def get_piece_size(self) -> int:
        return len(self.pieces)

    def id_to_piece(self, i: int) -> str:
        return self.pieces[i]

    def get_score(self, i: int) -> float:
        return float(self.scores[i])


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        for name, (_, shape) in MATRICES.items():
            setattr(self, name, nn.Linear(shape[1], shape[0]))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, EPS), nn.LayerNorm(WIDTH, EPS)

    def forward(self, x, blocked):
        batch, length, _ = x.shape
        split = lambda t: t.reshape(batch, length, PARTS, WIDTH // PARTS).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        if torch.onnx.is_in_onnx_export():
            weights = torch.softmax(q @ k.transpose(2, 3) * (WIDTH // PARTS) ** -0.5 + blocked, 3)
            seen = weights @ v
        else:
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=blocked.to(q.dtype))
        x = self.norm1(x + self.out(seen.transpose(1, 2).reshape(batch, length, WIDTH)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Deep(nn.Module):
    """Layers over pieces, and a head that sees the first token, the mean and the maximum."""

    def __init__(self, pieces: int, layers: int):
        super().__init__()
        self.table = nn.Embedding(pieces, WIDTH)
        self.places = nn.Embedding(INPUT_MAX, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPS)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.hidden = nn.Linear(3 * WIDTH, 256)
        self.out = nn.Linear(256, len(HEADS))
        # Calibration, set after training: a probability is sigmoid(a × logit + b).
        self.register_buffer("scale", torch.ones(len(HEADS)))
        self.register_buffer("shift", torch.zeros(len(HEADS)))

    def logits(self, ids, drop: float = 0.0):
        known = ids != PAD
        mask = known.to(torch.float32)[:, :, None]
        x = self.table(ids) + self.places.weight[: ids.shape[1]]
        x = F.dropout(self.norm(x), drop, self.training)
        blocked = (1.0 - known.to(torch.float32))[:, None, None, :] * -1e4
        for layer in self.layers:
            x = layer(x, blocked)
        x = x.float()
        mean = (x * mask).sum(1) / mask.sum(1)
        most = (x + (1.0 - mask) * -1e4).amax(1)
        seen = F.dropout(torch.cat([x[:, 0], mean, most], 1), drop, self.training)
        return self.out(F.dropout(F.relu(self.hidden(seen)), drop, self.training))

    def forward(self, ids):
        return torch.sigmoid(self.logits(ids) * self.scale + self.shift)


def base(path: Path, origins: list[list[int]], layers: int) -> Deep:
    """The first `layers` of the base, its table cut to the kept pieces and their emoji."""
    found = Base(path)
    model = Deep(len(origins) + 4, layers)
    table = found.tensor("emb.word", (found.size, WIDTH))
    special = [np.zeros(WIDTH, np.float32)]
    special += [table[i] for i in (Base.UNKNOWN, Base.BEGIN, Base.END)]
    known = [table[ids].mean(0) for ids in origins]
    put = lambda weight, values: weight.data.copy_(torch.from_numpy(np.array(values)))
    put(model.table.weight, np.stack(special + known))
    kind = found.tensor("emb.type", (2, WIDTH))[0]
    put(model.places.weight, found.tensor("emb.pos", (512, WIDTH))[:INPUT_MAX] + kind)

    def norm(layer: nn.LayerNorm, name: str):
        put(layer.weight, found.tensor(f"{name}.w", (WIDTH,)))
        put(layer.bias, found.tensor(f"{name}.b", (WIDTH,)))

    norm(model.norm, "emb.ln")
    for i, layer in enumerate(model.layers):
        for name, (stored, shape) in MATRICES.items():
            put(getattr(layer, name).weight, found.tensor(f"l{i}.{stored}.w", shape))
            put(getattr(layer, name).bias, found.tensor(f"l{i}.{stored}.b", shape[:1]))
        norm(layer.norm1, f"l{i}.aln")
        norm(layer.norm2, f"l{i}.oln")
    return model


def empty(state: dict) -> Deep:
    """A network of the shape of these weights."""
    layers = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("layers."))
    return Deep(len(state["table.weight"]), layers)
