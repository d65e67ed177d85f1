"""What there is to cover: rows of the catalogue of misbehaviours, EAST's cases and known defects, each a line of data.

What covers it is told by the catalogue's entries themselves: ``rows`` names rows, and ``references`` EAST's cases
(``EAST: imap/Negotiation/O_4``) and defects (``CVE-2016-0772``). A case of EAST that is the same in each protocol may
be named without it: ``EAST: Negotiation/O_1`` is the case of each protocol that the entry has a service of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.services import SERVICES, ProtocolName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.scenario import Scenario

__all__ = ["CASES", "DEFECTS", "ROWS", "SECTIONS", "Case", "Defect", "Row", "cases_named", "defects_named", "protocols"]

_FOLDER = Path(__file__).parent
_EAST = "EAST: "
_DEFECT = re.compile(r"CVE-\d+-\d+|GHSA(?:-\w{4}){3}")
_LETTERS = {"S": ProtocolName.SMTP, "I": ProtocolName.IMAP, "P": ProtocolName.POP3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A misbehaviour that a server can show a client."""

    id: str
    name: str
    protocols: tuple[ProtocolName, ...]
    does: str
    """What the server does, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case of EAST's fake-mail-server."""

    name: str
    """Its path without the suffix, the protocol first."""
    rows: tuple[str, ...]
    """The rows that are about the same; none for a case without a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A known defect of clients."""

    id: str
    whose: str
    rows: tuple[str, ...]
    """The rows that would have shown it."""


def _lines(name: str) -> Iterator[list[str]]:
    """Yield the columns of each line of a file that is no comment."""
    for line in (_FOLDER / name).read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            yield [column.strip() for column in line.split("|")]


def _named(cell: str) -> tuple[str, ...]:
    return () if cell == "-" else tuple(cell.split())


SECTIONS = {letter: title for letter, title, *rest in _lines("rows.txt") if not rest}
"""The titles of the sections by the letter with which their rows begin."""
ROWS = {
    identifier: Row(id=identifier, name=name, protocols=tuple(_LETTERS[letter] for letter in letters), does=does)
    for identifier, name, letters, does in (columns for columns in _lines("rows.txt") if len(columns) > len(_LETTERS))
}
CASES = {name: Case(name=name, rows=_named(rows)) for name, rows in _lines("east.txt")}
DEFECTS = {
    identifier: Defect(id=identifier, whose=whose, rows=_named(rows)) for identifier, whose, rows in _lines("cves.txt")
}


def protocols(scenario: Scenario) -> tuple[str, ...]:
    """Return the protocols that an entry has a service of."""
    return tuple(dict.fromkeys(SERVICES[name].protocol.value for name in scenario.services))


def cases_named(scenario: Scenario) -> Iterator[str]:
    """Yield the cases of EAST that an entry names; raises KeyError for a name that no case has."""
    for reference in scenario.references:
        if reference.startswith(_EAST):
            for name in reference.removeprefix(_EAST).split(", "):
                whole = [name] if name in CASES else [f"{protocol}/{name}" for protocol in protocols(scenario)]
                found = [one for one in whole if one in CASES]
                if not found:
                    raise KeyError(name)
                yield from found


def defects_named(scenario: Scenario) -> Iterator[str]:
    """Yield the defects that an entry names."""
    for reference in scenario.references:
        yield from _DEFECT.findall(reference)
