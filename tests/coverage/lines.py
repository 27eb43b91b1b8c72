"""Sums the lines that tests ran by groups of files, without the lines of the tests themselves.

lines.py FILE.info [--missed]
"""

import re
import sys
from pathlib import Path

LEAST = 90
GROUPS = {
    "codec": r"session/(codec|deflate|handshake|headers|http|leg|mask|upstream|wire)\.rs",
    "protocols": r"protocol(\.rs|/.*)",
    "normaliser": r"(normalize|letters)(\.rs|/.*)",
    "policy": r"(decide|rules)(\.rs|/.*)|config/policy(\.rs|/.*)",
    "store": r"(store|hold)(\.rs|/.*)",
}
ROOT = Path(__file__).resolve().parents[2] / "src"


def counted(info):
    """Path below src/, and how often each of its lines ran."""
    path, lines = "", {}
    for row in info.read_text().splitlines():
        if row.startswith("SF:"):
            path, lines = Path(row[3:]), {}
        elif row.startswith("DA:"):
            number, count = row[3:].split(",")[:2]
            lines[int(number)] = int(count)
        elif row == "end_of_record" and path.is_relative_to(ROOT):
            yield path.relative_to(ROOT), lines


def product(path, lines):
    """Without the module of tests that ends a file."""
    text = (ROOT / path).read_text()
    tests = re.search(r"^#\[cfg\(test\)\]\nmod tests \{", text, re.MULTILINE)
    end = text.count("\n", 0, tests.start()) if tests else text.count("\n") + 1
    return {number: count for number, count in lines.items() if number <= end}


def main():
    files = [
        (path, product(path, lines))
        for path, lines in counted(Path(sys.argv[1]))
        if path.name != "tests.rs"
    ]
    low = 0
    for group, pattern in GROUPS.items():
        ran = whole = 0
        for path, lines in sorted(files):
            if not re.fullmatch(pattern, path.as_posix()):
                continue
            missed = sorted(number for number, count in lines.items() if count == 0)
            ran += len(lines) - len(missed)
            whole += len(lines)
            if "--missed" in sys.argv and missed:
                print(f"  src/{path}: {len(missed)} of {len(lines)}: {missed}")
        share = 100 * ran / whole if whole else 0
        low += share < LEAST
        print(f"{'LOW' if share < LEAST else 'ok':4} {group:10} {share:5.1f} %  {ran} of {whole} lines")
    sys.exit(1 if low else 0)


if __name__ == "__main__":
    main()
