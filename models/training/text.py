"""Turns a text into ids, exactly as src/score/{text,pieces}.rs do."""

import re
import unicodedata

from tokenizers import Tokenizer
from tokenizers.models import Unigram

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
SPACE = "\u2581"
INPUT_MAX = 64
OVERLAP, WINDOWS_MAX = 16, 3

# What can be written into a word without being seen.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
CONTROL = re.compile("[\u0000-\u001f\u007f-\u009f]")
# White space as Rust's char::is_whitespace has it; Python's own differs by four characters.
WHITE = re.compile(
    "[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)
LINK = re.compile(r"(?:https?://|www\.).*", re.S)
RUN = re.compile(r"([^0-9])\1{2,}", re.S)


def model_text(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower()
    text = CONTROL.sub(" ", INVISIBLE.sub("", text))
    words = ("url" if LINK.fullmatch(word) else word for word in WHITE.split(text) if word)
    return RUN.sub(r"\1\1", " ".join(words))


class Pieces:
    """A unigram vocabulary: `piece<TAB>log probability` a line, the line's number its id."""

    def __init__(self, path):
        with open(path, encoding="utf-8", newline="\n") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        self.vocabulary = [(piece, float(score)) for piece, score in rows]
        # No text may spell a special piece: U+2060 never stands in a model text.
        apart = [(f"\u2060{i}", 0.0) for i in range(len(SPECIAL))]
        self.model = Tokenizer(
            Unigram(apart + self.vocabulary[len(SPECIAL) :], unk_id=UNK, byte_fallback=False)
        )

    def __len__(self):
        return len(self.vocabulary)

    def ids(self, text: str) -> list[int]:
        """Every piece of the text, without <s> and </s>."""
        text = model_text(text)
        if not text:
            return []
        return self.model.encode(SPACE + text.replace(" ", SPACE), add_special_tokens=False).ids

    def batch(self, texts) -> list[list[int]]:
        """The first window of each text, framed."""
        ready = [SPACE + t.replace(" ", SPACE) if t else t for t in map(model_text, texts)]
        encoded = self.model.encode_batch(ready, add_special_tokens=False)
        return [[BOS, *e.ids[: INPUT_MAX - 2], EOS] for e in encoded]

    def windows(self, text: str) -> list[list[int]]:
        """The rows that the product reads: of a long text its beginning and its end."""
        ids, size = self.ids(text), INPUT_MAX - 2
        starts = list(range(0, max(1, len(ids) - OVERLAP), size - OVERLAP))
        if len(starts) > WINDOWS_MAX:
            starts = [*starts[: WINDOWS_MAX - 1], len(ids) - size]
        return [[BOS, *ids[start : start + size], EOS] for start in starts]
