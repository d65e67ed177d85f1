"""``labserver transcript``: what was said, live from the running lab or from a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.control import answered
from labserver.cli.run_directory import find_ready
from labserver.errors import ConfigurationError
from labserver.report.text import lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver transcript``."""
    parser.add_argument("file", nargs="?", type=Path, help="a file of --transcript (default: the running lab)")
    parser.add_argument("--follow", action="store_true", help="keep printing as sessions go on")
    parser.add_argument("--session", type=int, metavar="N", help="only this session")
    parser.add_argument("--show-secrets", action="store_true", help="do not mask credentials")
    parser.add_argument("--raw", action="store_true", help="show octets as they crossed the network, too")
    parser.add_argument("--json", action="store_true", help="print the events as lines of JSON")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="the lab's ready file (default: the newest lab)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the transcript."""
    source = _from_lab(options) if options.file is None else _from_file(options.file)
    try:
        for number, line in enumerate(source, 1):
            record = _parsed(line, options.file, number)
            if options.session is not None and record.get("session") != options.session:
                continue
            for text in [line.rstrip("\n")] if options.json else lines(record, raw=options.raw):
                print(text, flush=options.follow)
    except KeyboardInterrupt:
        return 0
    return 0


def _parsed(line: str, file: Path | None, number: int) -> dict[str, object]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"{file or 'the lab'}, line {number}: not a transcript: {error}") from error
    if isinstance(record, dict) and isinstance(record.get("error"), str) and "event" not in record:
        raise ConfigurationError(record["error"])  # the lab's answer
    if not isinstance(record, dict):
        raise ConfigurationError(f"{file or 'the lab'}, line {number}: not a transcript: not an object")
    return record


def _from_file(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as stream:
            yield from stream
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not a transcript: it is not UTF-8") from error


def _from_lab(options: argparse.Namespace) -> Iterator[str]:
    record = find_ready(options.ready_file)
    words = ["transcript", *(["follow"] if options.follow else []), *(["secrets"] if options.show_secrets else [])]
    yield from answered(record, " ".join(words))
    sys.stdout.flush()
