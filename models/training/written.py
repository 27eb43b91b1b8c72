"""Expands the lines that were written for this model (`written/*.txt`).

A file has slots and sections:

    [slot group]                       one value a line
    [lines slice=insult toxic=1]       heads not named are 0, `head=?` is unknown
    you (really|) are a {insult}       `(a|b)` is a choice, `{slot}` a value of a slot

`{slur}` and `{slurs}` come from the word lists, `{name}` from a list of user names.
"""

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rows import HEADS, Row, slurs

HERE = Path(__file__).parent / "written"
NAMES = (
    "alex92 xx_nova_xx MrPotato lena_plays zephyr TTV_Kira captainlag old_man_dan baguette42 "
    "pixelfox itsmejordan moonchild NoScopeNina kevin lucie_ttv leroidupain ZarkoFR snowy "
    "coffeebean mathilde_ bigT renard_ivre quietstorm el_gato"
).split()
CHOICE = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass
class Section:
    lang: str
    slice: str
    values: list[float]
    weights: list[float]
    lines: list[str]
    slots: dict[str, list[str]]


def parse(path: Path) -> list[Section]:
    slots: dict[str, list[str]] = {}
    sections: list[Section] = []
    into: list[str] | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line == "#" or line.startswith("# "):
            continue
        if header := re.fullmatch(r"\[(slot|lines) ([^\]]*)\]( *#.*)?", line):
            if header[1] == "slot":
                into = slots.setdefault(header[2].strip(), [])
                continue
            said = dict(part.split("=") for part in header[2].split())
            sections.append(section(path, said, slots))
            into = sections[-1].lines
        elif into is None:
            raise ValueError(f"{path}:{number}: a line before any section")
        else:
            into.append(line)
    return sections


def section(path: Path, said: dict[str, str], slots) -> Section:
    name = said.pop("slice")
    first = path.stem.split("_")[0]
    parts = name.split("_")
    lang = {"other": parts[1][:2], "emoji": parts[1]}.get(first, first) if len(parts) > 1 else first
    if strange := set(said) - set(HEADS):
        raise ValueError(f"{path}: [{name}]: no head {strange}")
    values = [0.0 if said.get(h, "0") == "?" else float(said.get(h, "0")) for h in HEADS]
    weights = [0.0 if said.get(h) == "?" else 1.0 for h in HEADS]
    return Section(lang, f"{first}:{name}", values, weights, [], slots)


@cache
def sections() -> list[Section]:
    return [section for path in sorted(HERE.glob("*.txt")) for section in parse(path)]


def expand(line: str, own: Section, chance: random.Random) -> str:
    def value(slot: re.Match) -> str:
        name = slot[1]
        if name == "name":
            return chance.choice(NAMES)
        if name in ("slur", "slurs"):
            one, several = slurs("fr" if own.lang == "fr" else "en")
            return chance.choice(one if name == "slur" else several)
        return chance.choice(own.slots[name])

    # Values may hold choices and slots themselves; four rounds undo any that was written.
    for _ in range(4):
        line = CHOICE.sub(lambda m: chance.choice(m[1].split("|")), line)
        line = SLOT.sub(value, line)
    return re.sub(r" +", " ", line).strip()


def sample(count: int, seed: int) -> list[Row]:
    """Every template about equally often, each time with other choices."""
    chance = random.Random(seed)
    every = [(own, line) for own in sections() for line in own.lines]
    picked = []
    while every and len(picked) < count:
        chance.shuffle(every)
        picked += every[: count - len(picked)]
    return [
        Row(expand(line, own, chance), own.lang, own.values, own.weights, "written", own.slice)
        for own, line in picked
    ]
