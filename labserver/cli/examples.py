"""Examples, with which a command's help begins."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["begin_with_examples"]


def begin_with_examples(parser: argparse.ArgumentParser, examples: Mapping[str, str]) -> None:
    """Put examples, each a command and what it is for, before everything but the usage."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = [line for command, meaning in examples.items() for line in (f"  # {meaning}", f"  {command}")]
    shown = "\n".join(("examples:", *lines)).replace("%", "%%")
    parser.description = f"{shown}\n\n{parser.description}" if parser.description else shown
