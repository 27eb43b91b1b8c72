"""Chooses the pieces of a base vocabulary that English and French chat needs.

vocabulary.py DATA BASE OUT.pieces SIZE
"""

import gzip
import importlib.resources
import itertools
import json
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import sentencepiece

import deep
import rows
import written
from text import SPACE, SPECIAL, model_text

# Beside what the training text uses: frequent words of both languages from pyspellchecker's lists.
WORDS = 60_000
# As likely as a rare word: no sequence of other pieces spells an emoji anyway.
SIGN_SCORE = -11
EMOJI = [range(*ends) for ends in (
    (0x2600, 0x27C0), (0x1F300, 0x1F650), (0x1F680, 0x1F700), (0x1F900, 0x1FA00),
    (0x1FA70, 0x1FB00),
)]  # fmt: skip
# Flags that chats use, by their letters; the rest stay two letters.
FLAGS = (
    "FR:france GB:england US:america CA:canada BE:belgium CH:switzerland DE:germany ES:spain "
    "IT:italy PT:portugal NL:netherlands PL:poland RO:romania RU:russia UA:ukraine TR:turkey "
    "GR:greece IL:israel PS:palestine SA:saudi_arabia IR:iran IQ:iraq SY:syria AF:afghanistan "
    "PK:pakistan IN:india CN:china JP:japan KR:korea VN:vietnam PH:philippines ID:indonesia "
    "MX:mexico BR:brazil AR:argentina CO:colombia VE:venezuela NG:nigeria SN:senegal ML:mali "
    "CI:ivory_coast CM:cameroon CD:congo DZ:algeria MA:morocco TN:tunisia EG:egypt SO:somalia "
    "ZA:south_africa HT:haiti AL:albania RS:serbia HR:croatia SE:sweden NO:norway DK:denmark "
    "FI:finland IE:ireland AU:australia NZ:new_zealand"
)


def chosen(sp, texts, size: int) -> list[int]:
    """Ids of the kept pieces: every single character that is used, then the most useful."""
    counts = Counter()
    for ids in sp.encode([model_text(text) for text in texts]):
        counts.update(ids)
    for language in ("en", "fr"):
        file = importlib.resources.files("spellchecker") / "resources" / f"{language}.json.gz"
        frequent = json.loads(gzip.decompress(file.read_bytes()))
        words = Counter(frequent).most_common(WORDS)
        for rank, ids in enumerate(sp.encode([word for word, _ in words])):
            # A word of the list counts like a few sights in the text, the more frequent the more.
            counts.update({piece: 1 + 40 // (1 + rank // 2000) for piece in ids})
    single = [
        i
        for i in range(first(sp), sp.get_piece_size())
        if len(piece := sp.id_to_piece(i)) == 1 and piece == model_text(piece)
    ]
    base = [
        i
        for i in single
        if counts[i] or not sp.id_to_piece(i).isalpha() or ord(sp.id_to_piece(i)) < 0x250
    ]
    taken = set(base)
    ranked = [
        i
        for i, _ in counts.most_common()
        if i >= first(sp) and i not in taken and lower(sp.id_to_piece(i))
    ]
    return base + ranked[: size - len(SPECIAL) - len(base)]


def first(sp) -> int:
    """The first id of the base that is no special piece."""
    return 4 if isinstance(sp, deep.Base) else 3


def lower(piece: str) -> bool:
    return SPACE * 2 not in piece and (
        piece == SPACE or model_text(piece.replace(SPACE, "x")) == piece.replace(SPACE, "x")
    )


def signs(sp) -> list[tuple[str, list[int]]]:
    """Emoji and flags that the base does not know, each with the pieces of its own name."""
    flags = dict(part.split(":") for part in FLAGS.split())
    named = {chr(0x1F1A5 + ord(a)) + chr(0x1F1A5 + ord(b)): name for (a, b), name in flags.items()}
    for code in itertools.chain(*EMOJI):
        name = unicodedata.name(chr(code), "")
        if name and not name.startswith("EMOJI MODIFIER"):
            named[chr(code)] = name.lower()
    for tone, name in zip(range(0x1F3FB, 0x1F400), "white light brown dark black".split()):
        named[chr(tone)] = f"{name} skin"
    known = {sp.id_to_piece(i) for i in range(sp.get_piece_size())}
    return [
        (sign, sp.encode(name.replace("_", " ")))
        for sign, name in named.items()
        if sign not in known
    ]


def main(data: Path, model: Path, out: Path, size: int):
    if model.suffix == ".bin":
        sp = deep.Base(model)
    else:
        sp = sentencepiece.SentencePieceProcessor(model_file=str(model))
    texts = [row.text for row in rows.training(data)]
    texts += [row.text for row in written.sample(20_000, seed=1)]
    new = signs(sp)
    kept = chosen(sp, texts, size - len(new))
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        for piece in SPECIAL:
            file.write(f"{piece}\t0\n")
        for i in kept:
            file.write(f"{sp.id_to_piece(i)}\t{sp.get_score(i):.6g}\n")
        for sign, _ in new:
            file.write(f"{sign}\t{SIGN_SCORE}\n")
    origins = [[i] for i in kept] + [ids for _, ids in new]
    out.with_suffix(".json").write_text(json.dumps(origins))
    print(f"{len(kept)} of {sp.get_piece_size()} pieces kept, {len(new)} emoji and flags added")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
