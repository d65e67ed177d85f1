"""The command line of the tools that keep what the catalogue does: ``[--write] [ID…]``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labserver.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["parsed"]


def parsed(words: Sequence[str], program: str, about: str, known: Collection[str]) -> tuple[bool, list[str]]:
    """Return whether to write, and the names that were chosen, none for all; a name that is not known ends the tool."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("--write", action="store_true", help="keep what is found, for review")
    parser.add_argument("names", nargs="*", metavar="ID", help="only these (default: all)")
    options = parser.parse_args(words)
    for name in options.names:
        if name not in known:
            parser.error(f"unknown name {name}{did_you_mean(name, known)}")
    return options.write, options.names
