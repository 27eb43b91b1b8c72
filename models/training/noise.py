"""Writes texts the way a chat does: typing habits, evasion, emotes, names, cut-off lines."""

import random
import re
import unicodedata
from functools import cache

from rows import USER
from written import NAMES

LEET = {
    "a": "4@", "b": "8", "e": "3€", "g": "9", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7+", "z": "2",
}  # fmt: skip
# Few enough that the model must not lean on them, common enough that they are noise to it.
EMOTES = (
    "KEKW LUL LULW OMEGALUL PogChamp Pog PogU monkaS Kappa 4Head BibleThump Sadge PepeHands "
    "EZ Clap NotLikeThis catJAM widepeepoHappy xD :) :( <3 lol lmao mdr ptdr :rire: :hap: jpp gg "
    "😂 😭 🔥 💀 👀 🙏 ❤️ 🤣 😡 !! ... ?"
).split()
LEADS = [
    "lol",
    "bro",
    "yo",
    "chat",
    "nah",
    "wtf",
    "wesh",
    "frr",
    "mdr",
    "euh",
    "ok",
    "and",
    "mais",
    "imagine",
]
# Whom an emoji shows: people, flags, signs of faith.
PEOPLE = "👶 🧒 👦 👧 🧑 👱 👨 🧔 👩 🧓 👴 👵 🙋 🙇 🤦 🤷 👮 👷 👳 🧕 👸 🤴 🕺 💃 🚶 🏃 👋 👏 🙏 👍 ✊ 💪".split()
TONES = "\U0001f3fb \U0001f3fc \U0001f3fd \U0001f3fe \U0001f3ff".split()
TOGETHER = "👪 👨‍👩‍👧 👩‍👩‍👦 👨‍👨‍👧 👬 👭 👫 👩‍❤️‍👩 👨‍❤️‍👨 🧑‍🦽 👩‍🦯 🧏 ♿ 👨‍💻 👩🏾‍🦱 👩‍🍳 👨🏿‍🎤".split()
FAITH = "☪️ ✡️ ✝️ ☦️ 🕉️ ☸️ 🕌 🕍 ⛪ 🛕 🕋 🕎 📿 🧿".split()
PRIDE = "🏳️‍🌈 🏳️‍⚧️ 🏴 🏳️".split()
FLAGS = (
    "FR US GB CA BE CH DE ES IT PT NL PL RO RU UA TR GR IL PS SA IR IQ SY AF PK IN CN JP KR VN PH ID "
    "MX BR AR CO VE NG SN ML CI CM CD DZ MA TN EG SO ZA HT AL RS HR SE NO DK FI IE AU NZ BD ET"
).split()
BESIDE = "❤️ 🥰 😊 😂 🎉 🔥 👀 💯 ✨ 🎮".split()
# How often a line ends in such an emoji. In the sets they stand beside hatred far oftener than in a
# chat: an ordinary line gets one more often, a harmful one must stay harmful with it.
SHOWN, SHOWN_HARMFUL = 0.1, 0.03
MARKS = ["!", "!!", "!!!", ".", "..", "...", " !", "?!", " ?"]
SMS = [
    (r"\bc'est\b", "c"), (r"\bqu'", "k"), (r"\bque\b", "ke"), (r"\bpourquoi\b", "pk"),
    (r"\bparce que\b", "pcq"), (r"\bquelqu'un\b", "qlq1"), (r"\bje suis\b", "jsuis"),
    (r"\bj'ai\b", "jai"), (r"\bt'es\b", "tes"), (r"\bje sais pas\b", "jsp"), (r"\bde\b", "d"),
    (r"\bbeaucoup\b", "bcp"), (r"\bvous\b", "vs"), (r"\bdans\b", "ds"), (r"\bles\b", "lé"),
    (r"\btoujours\b", "tjr"), (r"\bquand\b", "qd"), (r"\btout\b", "tt"), (r"\bpas\b", "po"),
]  # fmt: skip
SHORT = [
    (r"\byou are\b", "ur"), (r"\byou're\b", "ur"), (r"\byou\b", "u"), (r"\byour\b", "ur"),
    (r"\bare\b", "r"), (r"\bpeople\b", "ppl"), (r"\bbecause\b", "cuz"), (r"\bplease\b", "pls"),
    (r"\bto\b", "2"), (r"\bfor\b", "4"), (r"\band\b", "n"), (r"\bthe\b", "da"), (r"'", ""),
]  # fmt: skip


@cache
def lookalikes() -> dict[str, str]:
    """Letters of other scripts that look like ours; written here, from nobody's table."""
    return {
        "a": "аɑα", "c": "сϲ", "e": "еҽ", "i": "іι", "o": "оοօ", "p": "рρ", "s": "ѕ", "x": "х",
        "y": "уγ", "h": "һ", "k": "κ", "n": "ո", "t": "τ", "u": "υս", "v": "ν", "w": "ѡ",
    }  # fmt: skip


def unaccented(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def disguise(word: str, chance: random.Random) -> str:
    """One word, written to get past a filter or by a hurried thumb."""
    kind = chance.randrange(10)
    inner = chance.randrange(1, len(word) - 1)
    match kind:
        case 0 | 1:
            return "".join(
                chance.choice(LEET[c]) if c in LEET and chance.random() < 0.6 else c for c in word
            )
        case 2:
            return chance.choice(" .-_*").join(word)
        case 3:
            return word[:inner] + word[inner + 1 :]
        case 4:
            return word[: inner - 1] + word[inner] + word[inner - 1] + word[inner + 1 :]
        case 5:
            return word[:inner] + word[inner] * chance.randrange(2, 5) + word[inner + 1 :]
        case 6:
            hidden = chance.randrange(1, max(2, len(word) // 2))
            return (
                word[:inner]
                + chance.choice("*#-_") * min(hidden, len(word) - inner)
                + word[inner + hidden :]
            )
        case 7:
            table = lookalikes()
            return "".join(
                chance.choice(table[c]) if c in table and chance.random() < 0.5 else c for c in word
            )
        case 8:
            return word[:inner] + chance.choice(". -") + word[inner:]
        case _:
            return word + word[-1] * chance.randrange(1, 4)


def somebody(chance: random.Random) -> str:
    """Some emoji that show people or whom they belong to."""
    match chance.randrange(6):
        case 0 | 1:
            one = chance.choice(PEOPLE) + chance.choice(["", *TONES])
        case 2 | 3:
            one = "".join(chr(0x1F1A5 + ord(letter)) for letter in chance.choice(FLAGS))
        case 4:
            one = chance.choice(FAITH + PRIDE)
        case _:
            one = chance.choice(TOGETHER)
    one *= chance.choice([1, 1, 1, 2, 3])
    return one + chance.choice(BESIDE) if chance.random() < 0.3 else one


def noisy(text: str, lang: str, chance: random.Random, harmless: bool = False) -> str:
    text = USER.sub(
        lambda _: "@" + chance.choice(NAMES) if chance.random() < 0.8 else "@user", text
    )
    if chance.random() < (SHOWN if harmless else SHOWN_HARMFUL):
        first = chance.random() < 0.2
        text = f"{somebody(chance)} {text}" if first else f"{text} {somebody(chance)}"
    elif text and chance.random() < 0.1:
        text = text.rstrip("!. ") + chance.choice(MARKS[:-2] if text[-1] != "?" else MARKS[-2:])
    if chance.random() < 0.35:
        return text
    text = text.lower()
    if lang == "fr":
        if chance.random() < 0.4:
            text = unaccented(text)
        if chance.random() < 0.2:
            text = replaced(text, SMS, chance)
        if chance.random() < 0.2:
            text = text.replace("'", chance.choice(["", " ", "’"]))
    elif lang == "en" and chance.random() < 0.15:
        text = replaced(text, SHORT, chance)
    if chance.random() < 0.3:
        text = re.sub(r"[.,;:!?]", "", text)
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if long and chance.random() < 0.4:
        for i in chance.sample(long, min(len(long), chance.choice([1, 1, 1, 2, 3]))):
            words[i] = disguise(words[i], chance)
    if len(words) > 2 and chance.random() < 0.04:
        at = chance.randrange(len(words) - 1)
        words[at : at + 2] = [words[at] + words[at + 1]]
    if chance.random() < 0.2:
        words.append(" ".join([chance.choice(EMOTES)] * chance.choice([1, 1, 1, 2, 4])))
    if chance.random() < 0.08:
        words.insert(0, chance.choice(EMOTES + LEADS))
    if chance.random() < 0.08:
        words.insert(0, "@" + chance.choice(NAMES))
    text = " ".join(words)
    return text[:120] if len(text) > 120 and chance.random() < 0.15 else text


def replaced(text: str, table, chance: random.Random) -> str:
    for pattern, short in table:
        if chance.random() < 0.5:
            text = re.sub(pattern, short, text)
    return text
