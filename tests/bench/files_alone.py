"""What an entry of a user's file costs: ``python -m tests.bench.files_alone FOLDER`` prints milliseconds as JSON.

A file of entries is read and checked whole; beside it stands the parser of TOML, which is most of it. Time is the
processor's, and the least of several goes: what else the machine does is not the file's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tomli

from labserver.cli.catalogues import add_scenario_files, catalogue_from

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY, PARSED = "an entry of a user's file", "the same, parsed as TOML alone"
_ENTRIES = 5_000
_GOES = 5
_TEXT = """\
[x-{0}]
title = "Greylisting"
does = "It rejects the first two RCPT commands of a session with 450, then accepts."
services = ["smtp", "submission", "submissions"]

[[x-{0}.misbehaviours]]
kind = "answer"
when = {{ command = "RCPT", nth = "1-2" }}
send = "450 4.2.0 Greylisted, try again later"
"""


def _measure(folder: Path) -> dict[str, float]:
    path = folder / "many.toml"
    path.write_text("\n".join(_TEXT.format(number) for number in range(_ENTRIES)), encoding="utf-8")
    parser = argparse.ArgumentParser()
    add_scenario_files(parser)
    options = parser.parse_args(["--scenario-file", str(path)])
    return {
        ENTRY: _least(lambda: catalogue_from(options)),
        PARSED: _least(lambda: tomli.loads(path.read_text(encoding="utf-8"))),
    }


def _least(work: Callable[[], object]) -> float:
    """Return the milliseconds for each entry; what is imported by it is there from the second go on."""
    found = []
    for _ in range(_GOES):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found) / _ENTRIES * 1000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]))))
