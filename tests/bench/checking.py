"""Clients run by ``labserver check``: what a case costs beside the client alone, and how long a whole run is."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.services import SERVICES
from tests.bench.comparison import OURS, Bound, interleaved, table
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.comparison import Sample

__all__ = ["run"]

_ROOT = Path(__file__).parents[2]
_SERVICE = "imaps"
_BARE = "curl alone, as often, one after the other"
_WALL, _PROCESSOR, _WHOLE = "wall time of a case", "processor time of a case", "wall time of the default cases"
_PATIENCE = 5
"""Seconds for which curl waits for a server."""
_SPENT = 15
"""Seconds that a run of the default cases may take besides that."""
_NOTHING_LISTENS = "imaps://127.0.0.1:1/"


def run(folder: Path, *, rounds: int, cases: int | None = None) -> str:
    """Run curl against the scenarios of certificates on one service, and against the default cases on all."""
    chosen = [one.id for one in CATALOGUE.values() if not one.usual_certificate and one.on(SERVICES[_SERVICE])][:cases]
    contenders: dict[str, Callable[[], Sample]] = {
        OURS: partial(_checked, folder, chosen),
        _BARE: partial(_bare, len(chosen)),
    }
    one_service = interleaved(contenders, rounds)
    default = [one for one in CATALOGUE.default.values() if cases is None or one.usual_certificate][:cases]
    pairs = sum(len(one.services) for one in default)
    contenders = {OURS: partial(_default, folder, [one.id for one in default]), _BARE: partial(_all_bare, pairs)}
    whole = interleaved(contenders, rounds)
    return table(
        f"check: curl over {len(chosen)} certificates on {_SERVICE}, and over {pairs} default cases",
        [
            one_service.line(_WALL, unit="ms", peer=_BARE, wanted=Bound(at_most=1.3)),
            one_service.line(_PROCESSOR, unit="ms", peer=_BARE),
            whole.line(_WHOLE, unit="s", peer=_BARE, wanted=Bound(at_most=_SPENT + _PATIENCE), absolute=True),
        ],
        [f"curl alone connects to a port where nothing listens; with the default cases it waits up to {_PATIENCE} s."],
    )


def _timed(*commands: Sequence[str]) -> tuple[float, float]:
    """Run commands one after the other; return the wall time and the processor time that they take, in seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for command in commands:
        subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _check(folder: Path, scenarios: Sequence[str], *options: str) -> list[str]:
    words = ("curl", "-sS", "--ssl-reqd", "--max-time", str(_PATIENCE), "--cacert", "{ca}", "-u", "{user}:{password}")
    chosen = [f"--scenario={one}" for one in scenarios]
    report = f"--json={folder}/report.json"
    return [sys.executable, "-m", "labserver", "check", *chosen, *options, report, "--", *words, "{url}/"]


def _checked(folder: Path, scenarios: Sequence[str]) -> Sample:
    wall, processor = _timed(_check(folder, scenarios, f"--service={_SERVICE}"))
    return {_WALL: wall / len(scenarios) * 1000, _PROCESSOR: processor / len(scenarios) * 1000}


def _bare(times: int) -> Sample:
    wall, processor = _timed(*[["curl", "-sS", _NOTHING_LISTENS]] * times)
    return {_WALL: wall / times * 1000, _PROCESSOR: processor / times * 1000}


def _default(folder: Path, scenarios: Sequence[str]) -> Sample:
    return {_WHOLE: _timed(_check(folder, scenarios))[0]}


def _all_bare(times: int) -> Sample:
    return {_WHOLE: _timed(*[["curl", "-sS", _NOTHING_LISTENS]] * times)[0]}
