"""Scenarios: start-up and memory with five hundred of them against the catalogue's; one case; an entry of a file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import cases_alone, files_alone
from tests.bench.comparison import OURS, Bound, Rounds, interleaved, table
from tests.bench.processes import ready_line, running
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.comparison import Sample

__all__ = ["run"]

_ROOT = Path(__file__).parents[2]
_MANY = 500
_READY, _MEMORY = "exec to ready", "resident memory when ready"
_FEW = f"the catalogue's {len(CATALOGUE)} alone"
_TRUE = "`true`, from fork to exit"


def run(folder: Path, *, rounds: int) -> str:
    """Start labs with many scenarios and with few, and judge cases that have no client."""
    contenders: dict[str, Callable[[], Sample]] = {
        OURS: partial(_start, folder, _MANY),
        _FEW: partial(_start, folder, 0),
    }
    _start(folder, 0)  # so that everybody's modules are compiled and in the page cache
    starts = interleaved(contenders, rounds)
    cases = interleaved({OURS: partial(_cases, folder), _TRUE: _true}, rounds)
    files = _files(folder, rounds)
    wanted = Bound(at_most=1.1)
    return table(
        f"Scenarios: {_MANY} generated ones more, and the lab's part of one case",
        [
            starts.line(_READY, unit="s", peer=_FEW, wanted=wanted),
            starts.line(_MEMORY, unit="MiB", peer=_FEW, wanted=wanted),
            cases.line(cases_alone.FIRST, unit="ms", peer=_TRUE, wanted=Bound(at_most=30), absolute=True),
            cases.line(cases_alone.FURTHER, unit="ms", peer=_TRUE, wanted=Bound(at_most=30), absolute=True),
            files.line(files_alone.ENTRY, unit="ms", peer=files_alone.PARSED, wanted=Bound(at_most=0.1), absolute=True),
        ],
        ["One case: lease, wait, trace, verdict, close, without the client; beside it the least a client costs."],
    )


def _start(folder: Path, generated: int) -> Sample:
    command = [sys.executable, "-m", "tests.bench.with_scenarios", str(generated), "up", "--ports", "any", "--quiet"]
    with running(command, log=folder / "lab.log", ready=ready_line, cwd=_ROOT) as server:
        return {_READY: server.seconds, _MEMORY: server.resident() / (1 << 20)}


def _cases(folder: Path) -> Sample:
    command = [sys.executable, "-m", "tests.bench.cases_alone", str(folder)]
    found: Sample = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=_ROOT).stdout)
    return found


def _files(folder: Path, rounds: int) -> Rounds:
    command = [sys.executable, "-m", "tests.bench.files_alone", str(folder)]
    samples: dict[str, list[Sample]] = {OURS: [], files_alone.PARSED: []}
    for _ in range(rounds):
        found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=_ROOT).stdout)
        for contender, what in ((OURS, files_alone.ENTRY), (files_alone.PARSED, files_alone.PARSED)):
            samples[contender].append({files_alone.ENTRY: found[what]})
    return Rounds(samples)


def _true() -> Sample:
    before = time.perf_counter()
    subprocess.run(["true"], check=True)
    seconds = time.perf_counter() - before
    return dict.fromkeys((cases_alone.FIRST, cases_alone.FURTHER), seconds * 1000)
