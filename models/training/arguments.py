"""Says what a step of the recipe is given: files and folders, each by its flag."""

import argparse
from pathlib import Path


def parser(about: str, *paths: str) -> argparse.ArgumentParser:
    form = argparse.RawTextHelpFormatter
    found = argparse.ArgumentParser(description=about, formatter_class=form)
    for name in paths:
        found.add_argument(f"--{name}", type=Path, required=True)
    return found


def names_of_both(found: argparse.ArgumentParser):
    """What the two networks' files are called."""
    for name in ("tide", "deep"):
        found.add_argument(f"--{name}", required=True, help="what the file is called")
    return found
