"""Certificate recipes: what the whole catalogue and one chain cost, and that start-up knows nothing of them."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import forging_alone
from tests.bench.comparison import OURS, Bound, interleaved, table
from tests.bench.processes import ready_line, running
from tests.ours import from_recipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.comparison import Sample

__all__ = ["run"]

_ROOT = Path(__file__).parents[2]
_READY, _MEMORY = "exec to ready", "resident memory when ready"
_WITHOUT = "no recipes at all"
_TRUSTME = "trustme, as many leaves"


def run(folder: Path, *, rounds: int) -> str:
    """Forge everything, several times; start labs with all recipes and with none."""
    starts: dict[str, Callable[[], Sample]] = {
        OURS: partial(_start, folder, _ROOT),
        _WITHOUT: partial(_start, folder, _bare(folder)),
    }
    for start in starts.values():
        start()  # so that everybody's modules are compiled and in the page cache
    started = interleaved(starts, rounds)
    forged = interleaved({OURS: _forge, _TRUSTME: partial(_forge, "trustme")}, rounds)
    whole, first, further = forging_alone.ALL, forging_alone.FIRST, forging_alone.FURTHER
    wanted = Bound(at_most=1.1)
    return table(
        f"Certificates: {len(from_recipes())} recipes",
        [
            forged.line(whole, unit="s", peer=_TRUSTME, wanted=Bound(at_most=1), absolute=True),
            forged.line(first, unit="ms", peer=_TRUSTME, wanted=Bound(at_most=100), absolute=True),
            forged.line(further, unit="ms", peer=_TRUSTME, wanted=Bound(at_most=5), absolute=True),
            started.line(_READY, unit="s", peer=_WITHOUT, wanted=wanted),
            started.line(_MEMORY, unit="MiB", peer=_WITHOUT, wanted=wanted),
        ],
        ["Each in a process of its own. trustme's leaves are alike, come from its root, and read no recipes."],
    )


def _bare(folder: Path) -> Path:
    """Return a folder in which the package is as it is here, and no recipe is."""
    bare = folder / "bare"
    (bare / "certs" / "recipes").mkdir(parents=True)
    (bare / "labserver").symlink_to(_ROOT / "labserver")
    return bare


def _start(folder: Path, root: Path) -> Sample:
    command = [sys.executable, "-m", "labserver", "up", "--ports", "any", "--quiet"]
    with running(command, log=folder / "lab.log", ready=ready_line, cwd=root) as server:
        return {_READY: server.seconds, _MEMORY: server.resident() / (1 << 20)}


def _forge(*issuer: str) -> Sample:
    command = [sys.executable, "-m", "tests.bench.forging_alone", *issuer]
    found: Sample = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=_ROOT).stdout)
    return found
