"""What is said with an entry that is not said with the known-good server, kept, so that a change to it is seen.

Kept are the differences only, of two clients on one service of each protocol: ``record/differences/ID.txt``. Who meets
an entry (:mod:`tests.catalogue.met`) has them, so nothing is played once more; and
``python -m tests.catalogue.reference_table --write ID`` keeps what is said now. Entries that are recorded whole
(:mod:`tests.catalogue.recorded`) have no such file.
"""

from __future__ import annotations

import difflib
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.services import SERVICES
from labserver.verdicts.subject import CONTROL
from tests.catalogue.played import Recorder
from tests.ours import CATALOGUE
from tests.reference.traits import DILIGENT, RECKLESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.catalogue.met import Met

__all__ = ["differences", "kept", "path_of"]

_FOLDER = Path(__file__).parent / "record" / "differences"
_CLIENTS = {traits.name: traits for traits in (DILIGENT, RECKLESS)}
"""Who is right with a whole job to do, and who goes on whatever it hears."""
_WIDEST = 160
_READ = 400
"""Lines of what is said that are compared; of those behind them there is a digest."""
_MOST = 60
"""Lines of a difference that are kept as they are; of more of them there is a digest."""


def path_of(identifier: str) -> Path:
    """Return the file of an entry, whether there is one or not."""
    return _FOLDER / f"{identifier}.txt"


def kept(identifier: str) -> list[str]:
    """Return the differences that are kept of an entry; none if it has no file."""
    path = path_of(identifier)
    return path.read_text(encoding="ascii").splitlines() if path.exists() else []


def differences(met: Met) -> list[str]:
    """Return what the two clients say and hear with an entry that is not so with the known-good server."""
    lines = []
    for name in _one_of_each(met.scenario.services):
        for client in _CLIENTS:
            if (said := met.said.get((name, client))) is not None:
                lines += [f"== {name} {client}", *_short(list(_changed(_usual(name, client), said)))]
    return lines


def _one_of_each(services: Sequence[str]) -> list[str]:
    """Return the first service of each protocol."""
    first: dict[object, str] = {}
    for name in services:
        first.setdefault(SERVICES[name].protocol, name)
    return list(first.values())


@cache
def _usual(service: str, client: str) -> list[str]:
    """Return what a client says and hears with the known-good server."""
    recorder = Recorder(traits=_CLIENTS[client], catalogue=CATALOGUE)
    recorder.report(CATALOGUE[CONTROL], SERVICES[service])
    return recorder.taken[CONTROL, service, False]


def _changed(usual: list[str], said: list[str]) -> Iterator[str]:
    """Yield what is said and is not usual, with the client's word before it; what events there are, others record."""
    before = ""
    for line in list(difflib.unified_diff(usual, said[:_READ], n=1, lineterm=""))[2:]:
        if line.startswith(" C"):
            before = line
        elif line.startswith("+") and not line.startswith("+events:"):
            if before:
                yield _narrow(before)
            yield _narrow(line)
            before = ""
    if said[_READ:]:
        yield f"... {len(said) - _READ} lines more: {_digest(*said[_READ:])}"


def _narrow(line: str) -> str:
    if len(line) <= _WIDEST:
        return line.rstrip()
    return f"{line[:_WIDEST]} ... {_digest(line)}"


def _short(lines: list[str]) -> list[str]:
    """Return lines, or the first of them and a digest of the others."""
    if len(lines) <= _MOST:
        return lines
    others = lines[_MOST:]
    return [*lines[:_MOST], f"... {len(others)} lines more: {_digest(*others)}"]


def _digest(*lines: str) -> str:
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()[:12]
