"""The network: Google's multilingual sentence encoder (USE v3, a bag of convolutions), cut to the
chosen pieces, with a head that also sees each token."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from rows import HEADS
from text import PAD

WINDOWS = {2: 0, 3: 1, 5: 2}  # width in tokens: how many of them stand before the middle
SHARDS = 17  # the table is stored in interleaved parts, 6 bits a weight


class Encoder(nn.Module):
    def __init__(self, weights: dict[str, np.ndarray], origins: list[list[int]]):
        super().__init__()
        table = np.empty((SHARDS * weights["q1"].shape[0], weights["q1"].shape[1]), np.float32)
        for i in range(SHARDS):
            table[i::SHARDS] = weights[f"q{i + 1}"] * weights["scale"][i] + weights["lo"][i]
        # <pad> is masked; <unk>, <s> and </s> stand first in the base vocabulary too.
        # A piece that the base does not know starts as the mean of the pieces of its name.
        known = np.stack([table[ids].mean(0) for ids in origins])
        rows = np.concatenate([np.zeros((1, table.shape[1]), np.float32), table[:3], known])
        self.table = nn.Embedding.from_pretrained(torch.from_numpy(rows), freeze=False)
        take = lambda key: torch.from_numpy(np.array(weights[key], np.float32))
        eps = float(weights["eps"])

        def linear(key: str, bias: str | None = None) -> nn.Linear:
            weight = take(key).T.contiguous()
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
            layer.weight.data = weight
            if bias:
                layer.bias.data = take(bias)
            return layer

        def norm(gain: str, bias: str) -> nn.LayerNorm:
            layer = nn.LayerNorm(take(gain).shape[0], eps)
            layer.weight.data, layer.bias.data = take(gain), take(bias)
            return layer

        self.inputs = nn.ModuleList(linear(f"proj{n}", f"proj_b{n}") for n in WINDOWS)
        self.norms = nn.ModuleList(norm(f"ln_g{n}", f"ln_b{n}") for n in WINDOWS)
        self.first = nn.ModuleList(linear(f"w1_{n}", f"b1_{n}") for n in WINDOWS)
        self.second = nn.ModuleList(linear(f"w2_{n}", f"b2_{n}") for n in WINDOWS)
        self.norm = norm("ln_g", "ln_b")
        self.pool = linear("cnn_W", "cnn_b")
        self.d0, self.d1, self.d2, self.d3 = (linear(f"d{i}") for i in range(4))
        self.p1, self.p3 = linear("p1"), linear("p3")

    def tokens(self, ids, mask):
        """What stands at each token, [batch, seq, 1280]."""
        embedded = self.table(ids)
        parts = [embedded]
        for i, (width, before) in enumerate(WINDOWS.items()):
            x = self.norms[i](self.inputs[i](embedded)) * mask
            h = (F.relu(self.first[i](window(x, width, before))) + x) * mask
            parts.append(F.relu(self.second[i](window(h, width, before))) + h)
        return self.norm(torch.cat(parts, 2)) * mask

    def sentence(self, tokens, mask):
        """The sentence vector of unit length, [batch, 512]."""
        length = mask.sum(1)
        x = (self.pool(tokens.sum(1)) + (length - 1) * self.pool.bias) / torch.sqrt(length)
        low = F.relu(self.d0(x))
        middle = F.relu(self.p1(x) + self.d1(low))
        top = torch.tanh(self.p3(middle) + self.d3(F.relu(self.d2(middle))))
        return top / torch.sqrt((top * top).sum(1, keepdim=True) + 1e-12)


def window(x, width: int, before: int):
    """Each token beside its neighbours, as shifted copies: a convolution written as a matrix."""
    length = x.shape[1]
    padded = F.pad(x, (0, 0, before, width - 1 - before))
    return torch.cat([padded[:, i : i + length] for i in range(width)], 2)


class Attention(nn.Module):
    """One transformer layer, normalised first, on narrow tokens."""

    def __init__(self, width: int, heads: int = 4, inner: int = 512):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x, blocked):
        batch, length, width = x.shape
        split = lambda t: t.reshape(batch, length, self.heads, self.size).transpose(1, 2)
        q, k, v = (split(t) for t in self.qkv(self.norm1(x)).chunk(3, 2))
        weights = torch.softmax(q @ k.transpose(2, 3) * self.size**-0.5 + blocked, 3)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.relu(self.up(self.norm2(x))))


class Net(nn.Module):
    """`shape`: a set of "max" (a maximum over tokens beside the sentence vector), "attention1",
    "attention2" (layers over narrow tokens before that maximum)."""

    WIDTH = 256

    def __init__(self, encoder: Encoder, shape: frozenset[str]):
        super().__init__()
        self.encoder, self.shape = encoder, shape
        size = 512
        if shape:
            self.narrow = nn.Linear(1280, self.WIDTH)
            size += self.WIDTH
        layers = 2 if "attention2" in shape else 1 if "attention1" in shape else 0
        self.layers = nn.ModuleList(Attention(self.WIDTH) for _ in range(layers))
        if layers:
            self.last = nn.LayerNorm(self.WIDTH)
            size += self.WIDTH
        self.hidden = nn.Linear(size, 256)
        self.out = nn.Linear(256, len(HEADS))
        # Calibration, set after training: a probability is sigmoid(a × logit + b).
        self.register_buffer("scale", torch.ones(len(HEADS)))
        self.register_buffer("shift", torch.zeros(len(HEADS)))

    def logits(self, ids, drop: float = 0.0):
        known = ids != PAD
        mask = known.to(torch.float32)[:, :, None]
        tokens = self.encoder.tokens(ids, mask)
        tokens = F.dropout(tokens, drop, self.training)
        seen = [self.encoder.sentence(tokens, mask) * 8]
        if self.shape:
            x = self.narrow(tokens)
            blocked = (1.0 - known.to(torch.float32))[:, None, None, :] * -1e4
            for layer in self.layers:
                x = layer(x, blocked)
            if self.layers:
                x = self.last(x)
                seen.append((x * mask).sum(1) / mask.sum(1))
            seen.append((x + (1.0 - mask) * -1e4).amax(1))
        hidden = F.relu(self.hidden(torch.cat(seen, 1)))
        return self.out(F.dropout(hidden, drop, self.training))

    def forward(self, ids):
        return torch.sigmoid(self.logits(ids) * self.scale + self.shift)


def base(weights: Path, origins: list[list[int]], shape: frozenset[str]) -> Net:
    with np.load(weights) as file:
        return Net(Encoder(dict(file), origins), shape)
