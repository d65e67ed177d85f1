"""What every entry of the catalogue sends to every reference client, kept, so that a change to it is seen.

``python -m tests.catalogue.recorded`` compares, ``--write`` keeps what is sent now, and ids after it do so for these
entries only. What is kept is seen from outside: octets as the client reads them, inside TLS and outside, when the
connection begins and ends, the kinds of the events, and the verdict. A rename inside the lab does not change it.

Each case is played in a lab of its own (:mod:`tests.catalogue.played`).

An entry that has a dialogue of its own has a file, ``record/ID.txt``, with every service and every client. Certificates
are met on one service; what happens there is mostly the same, so ``record/certificates.txt`` has each text once.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import sys
import tempfile
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labserver import events
from labserver.cli.rehearsal import dialogue
from labserver.services import SERVICES
from tests.catalogue.played import Recorder, kinds, lab_of_its_own, spoken
from tests.catalogue.words import parsed
from tests.ours import CATALOGUE, from_recipes, written
from tests.reference.in_memory import Said
from tests.reference.traits import GULLIBLE, STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.scenario import Scenario
    from labserver.services import Service

__all__ = ["CERTIFICATES", "CERTIFICATE_SERVICE", "DIALOGUES", "Certificates", "dialogues", "difference", "kept"]

_FOLDER = Path(__file__).parent / "record"
_CERTIFICATES = _FOLDER / "certificates.txt"
_CLIENTS = (STRICT, GULLIBLE)
_SIGNED_AT_RANDOM = ("dsa-ca", "mldsa44", "mldsa65", "mldsa65-ca", "mldsa87")
"""Whose signatures have randomness of OpenSSL's own in them, whatever the seed (FIPS 186-4 4.6, FIPS 204 5.2)."""
_PUBLISHED = ("crl-bad-signer", "crl-expired", "crl-good", "incomplete-chain-aia", "ocsp-none", "revoked")
"""Whose certificates name the port at which this lab publishes something."""
_UNREPEATABLE = frozenset({*_SIGNED_AT_RANDOM, *_PUBLISHED})
"""Whose chains are different each time; what happens at them is not."""
CERTIFICATE_SERVICE = "imaps"
"""Where certificates are met."""
DIALOGUES = sorted(path.stem for path in _FOLDER.glob("*.txt") if path != _CERTIFICATES)
"""The entries with a dialogue of their own that are kept."""


def _rehearsed(scenario: Scenario, service: Service) -> Iterator[str]:
    """Yield what a scenario says to the client of ``labserver explain``."""
    yield f"== {scenario.id}@{service.name} rehearsal"
    with tempfile.TemporaryDirectory() as folder:
        lab, _ = lab_of_its_own(folder, CATALOGUE, today=False)
        happened = dialogue(lab, scenario, service)
        asyncio.run(lab.stop())
    yield from spoken(note for event in happened for note in _noted(event))
    yield f"events: {' '.join(kinds(happened))}"


def _noted(event: events.Event) -> Iterator[tuple[Said, bytes]]:
    match event:
        case events.CommandReceived(data=data) | events.LineReceived(data=data) | events.DataReceived(data=data):
            yield Said.CLIENT, data
        case events.ReplySent(data=data):
            yield Said.SERVER, data
        case events.TlsStarted():
            yield Said.HAPPENED, b"TLS starts"


@cache
def _recorders() -> tuple[Recorder, ...]:
    return tuple(Recorder(traits=traits, catalogue=CATALOGUE) for traits in _CLIENTS)


def dialogues(identifier: str) -> list[str]:
    """Return what is said by an entry on each of its services to each client, line by line."""
    scenario = CATALOGUE[identifier]
    return [
        line
        for name in scenario.services
        for lines in (
            *(recorder.case(scenario, SERVICES[name]) for recorder in _recorders()),
            _rehearsed(scenario, SERVICES[name]),
        )
        for line in (*lines, "")
    ]


def kept(identifier: str) -> list[str]:
    """Return what :func:`dialogues` returned when it was written."""
    return (_FOLDER / f"{identifier}.txt").read_text(encoding="ascii").splitlines()


def difference(before: Sequence[str], now: Sequence[str]) -> str:
    """Return what is not as it was, with the heading of each case; nothing if all is."""
    differences = []
    old, new = _sections(before), _sections(now)
    for heading in dict.fromkeys((*old, *new)):
        changed = difflib.unified_diff(old.get(heading, []), new.get(heading, []), "kept", "now", lineterm="", n=2)
        if lines := list(changed):
            differences += [heading, *lines]
    return "\n".join(differences)


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    """Return the lines below each heading."""
    sections: dict[str, list[str]] = {}
    below: list[str] = []
    for line in lines:
        if line.startswith("== "):
            below = sections.setdefault(line, [])
        elif line:
            below.append(line)
    return sections


@dataclass(slots=True)
class Certificates:
    """The record of the certificates: a row for each, and each text once, under its digest."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    """By id: the digest of the chain, and for each client the digest of the text."""
    texts: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Certificates:
        """Return the record that is kept; an empty one if there is none."""
        record = cls()
        if not _CERTIFICATES.exists():
            return record
        below = list[str]()
        for line in _CERTIFICATES.read_text(encoding="ascii").splitlines():
            if line.startswith("== "):
                below = record.texts.setdefault(line[3:], [])
            elif record.texts:
                below += [line] if line else []
            elif line:
                identifier, *cells = line.split()
                record.rows[identifier] = dict(cell.split("=", 1) for cell in cells)
        return record

    def write(self) -> None:
        """Keep it."""
        lines = [
            " ".join((identifier, *(f"{name}={digest}" for name, digest in row.items())))
            for identifier, row in self.rows.items()
        ]
        used = {digest for row in self.rows.values() for digest in row.values()}
        for digest, text in sorted(self.texts.items()):
            if digest in used:
                lines += ["", f"== {digest}", *text]
        _CERTIFICATES.write_text("\n".join((*lines, "")), encoding="ascii")

    def meet(self, identifier: str) -> None:
        """Have the clients meet a certificate, and take down what happens."""
        row = {} if identifier in _UNREPEATABLE else {"chain": _digest(_presented(identifier))}
        scenario, service = CATALOGUE[identifier], SERVICES[CERTIFICATE_SERVICE]
        for recorder in _recorders():
            text = [line for line in recorder.case(scenario, service) if not line.startswith("== ")]
            row[recorder.traits.name] = digest = _digest("\n".join(text).encode("ascii"))
            self.texts[digest] = text
        text = [line for line in _rehearsed(scenario, service) if not line.startswith("== ")]
        row["rehearsal"] = digest = _digest("\n".join(text).encode("ascii"))
        self.texts[digest] = text
        self.rows[identifier] = row

    def difference(self, other: Certificates, identifier: str) -> str:
        """Return what ``other`` has that is not as it is here; nothing if all is."""
        before, now = self.rows[identifier], other.rows[identifier]
        return "\n".join(
            difference(
                [f"== {identifier} {name}", *self.texts.get(before.get(name, ""), [before.get(name, "")])],
                [f"== {identifier} {name}", *other.texts.get(now[name], [now[name]])],
            )
            for name in now
            if before.get(name) != now[name]
        )


CERTIFICATES = Certificates.read()
"""What is kept of certificates."""


def _presented(identifier: str) -> bytes:
    """Return everything that a chain consists of, made at the fixed moment."""
    with tempfile.TemporaryDirectory() as folder:
        lab, _ = lab_of_its_own(folder, CATALOGUE, today=False)
        chain = lab.chains.chain(identifier)
        asyncio.run(lab.stop())
    return repr(_plain(chain)).encode("ascii")


def _plain(value: object) -> object:
    """Return a dataclass as a tuple of its fields, a mapping as one of its items: what two runs have alike."""
    if is_dataclass(value):
        return tuple((one.name, _plain(getattr(value, one.name))) for one in fields(value))
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return sorted((repr(_plain(key)), one) for key, one in value.items()) if isinstance(value, dict) else value


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _main(words: Sequence[str]) -> int:
    """Compare or write, everything or the entries named; return the exit status."""
    about = "Compare what entries send to the reference clients with what is kept."
    write, chosen = parsed(words, "tests.catalogue.recorded", about, [*from_recipes(), *written()])
    forged = [name for name in from_recipes() if name in chosen or not chosen]
    own = [name for name in written() if name in chosen or (not chosen and (write or name in DIALOGUES))]
    told = []
    for identifier in own:
        now = dialogues(identifier)
        if write:
            (_FOLDER / f"{identifier}.txt").write_text("\n".join((*now, "")), encoding="ascii")
        else:
            told.append(difference(kept(identifier), now))
    record = Certificates(rows=dict(CERTIFICATES.rows), texts=dict(CERTIFICATES.texts))
    for identifier in forged:
        record.meet(identifier)
        if not write:
            told.append(CERTIFICATES.difference(record, identifier))
    if write and forged:
        record.write()
    told = list(filter(None, told))
    done = f"kept {len(own) + len(forged)} entries" if write else "nothing differs"
    print("\n".join(told or [done]))  # noqa: T201 -- a program
    return 1 if any(told) else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
