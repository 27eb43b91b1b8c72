"""Compares how Autobahn's cases ended with what is expected of them, a line per position."""

import json
import sys
from collections import Counter
from pathlib import Path

POSITIONS = ["direct", "server", "client", "through"]
FAILED = {"FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "MISSING"}


def order(case):
    return [int(part) for part in case.split(".")]


def seen(folder):
    """How each case ended, its close beside it where that was not as it should be."""
    index = folder / "index.json"
    if not index.exists():
        return {}
    (cases,) = json.loads(index.read_text()).values()
    ends = {}
    for case, end in cases.items():
        parts = [end["behavior"]]
        if end["behaviorClose"] not in ("OK", "INFORMATIONAL", end["behavior"]):
            parts.append(end["behaviorClose"])
        ends[case] = "/".join(parts)
    return ends


def read(path):
    rows = [line.split("\t") for line in path.read_text().splitlines() if line]
    return {row[0]: dict(zip(POSITIONS, row[1:], strict=True)) for row in rows[1:]}


def main():
    path, place = Path(sys.argv[1]), Path(sys.argv[2])
    now = {position: seen(place / f"{position}-report") for position in POSITIONS}
    cases = sorted(set().union(*now.values()), key=order)
    known = read(path) if path.exists() else {}
    if "--note" in sys.argv:
        for case in cases:
            known[case] = {p: now[p].get(case, "MISSING") for p in POSITIONS}
        lines = ["\t".join(["case", *POSITIONS])]
        lines += ["\t".join([c, *known[c].values()]) for c in sorted(known, key=order)]
        path.write_text("\n".join(lines) + "\n")
    wrong = [] if cases else ["no case ran"]
    for position in POSITIONS:
        ends = {case: now[position].get(case, "MISSING") for case in cases}
        counts = ", ".join(f"{n} {end}" for end, n in Counter(ends.values()).most_common())
        # An error is one of the program that drives the cases; the line names it.
        parts = [set(end.split("/")) for end in ends.values()]
        failed = sum(bool(FAILED & part) and "ERROR" not in part for part in parts)
        print(f"{position:8} {len(cases)} cases, {failed} failed: {counts}")
        for case, end in ends.items():
            # A case of the slow groups is not named there: it must not fail.
            broken = FAILED & set(end.split("/")) and not end.startswith("ERROR")
            expected = known.get(case, {}).get(position, "no failure" if broken else end)
            # What came in time this time may come a moment too late the next.
            if end != expected and (end, expected) != ("OK", "NON-STRICT"):
                wrong.append(f"{position} {case}: {end}, expected {expected}")
    print("\n".join(f"DIFFERS {line}" for line in wrong) or "all as expected")
    return 1 if wrong else 0


sys.exit(main())
