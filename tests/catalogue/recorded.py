"""What every entry of the catalogue sends to every reference client, kept, so that a change to it is seen.

``python -m tests.catalogue.recorded`` compares, ``--write`` keeps what is sent now, and ids after it do so for these
entries only. What is kept is seen from outside: octets as the client reads them, inside TLS and outside, when the
connection begins and ends, the kinds of the events, and the verdict. A rename inside the lab does not change it.

Each case is played in a lab of its own, made from a seed, at a fixed time of day, in memory; only certificates are of
today, because the clients look at the real clock. TLS, which is different each time, is left out.

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
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labserver import events
from labserver.check.campaign import Campaign
from labserver.cli.rehearsal import dialogue
from labserver.lab import Lab
from labserver.mailstore.directory import User
from labserver.pki.material import Wanted
from labserver.services import SERVICES
from labserver.settings import Settings
from labserver.verdicts.judge import CONTROL
from tests.ours import CATALOGUE, from_recipes, written
from tests.reference.client import GULLIBLE, STRICT
from tests.reference.in_memory import InMemory, MemoryClock, Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.check.case_run import Run
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from tests.reference.client import Traits

__all__ = ["CERTIFICATES", "CERTIFICATE_SERVICE", "DIALOGUES", "Certificates", "dialogues", "difference", "kept"]

_FOLDER = Path(__file__).parent / "record"
_CERTIFICATES = _FOLDER / "certificates.txt"
_MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)
_SEED = "recorded"
_USER = User(name="canary", password="Sing5recorded")
_CLIENTS = (STRICT, GULLIBLE)
_DEADLINE = 5.0
"""Seconds of the clients' time, which passes when all wait: longer than the strict client's patience."""
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


class _Clock(MemoryClock):
    """Always the same time of day."""

    def now(self) -> datetime:
        """Return the moment at which everything is recorded."""
        return _MOMENT


def _lab(folder: str, *, today: bool) -> tuple[Lab, _Clock]:
    """Return a lab of its own; its certificates are of today, or of the fixed moment."""
    clock, wanted = _Clock(), Wanted(seed=_SEED, now=datetime.now(UTC) if today else _MOMENT)
    published = 0 if today else None  # any port: a certificate that names it is not the same each time
    settings = Settings(ports={}, http_port=published, users=(_USER,), certificates=wanted)
    return Lab(settings, CATALOGUE, run_directory=Path(folder), clock=clock), clock


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorder:
    """Runs a client of a campaign, each time in a new lab, and takes down what is said."""

    traits: Traits
    seconds: float = _DEADLINE
    good: dict[str, Run] = field(default_factory=dict)
    """What happened at the known-good server, by service, so that it is not met again for each case."""
    taken: dict[tuple[str, str, bool], list[str]] = field(default_factory=dict)
    """Lines by entry, service, and whether it was the control that goes with the entry."""

    @property
    def user(self) -> User:
        """The account the client has."""
        return _USER

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Run the client once."""
        if scenario.id == CONTROL and service.name in self.good:
            return self.good[service.name]
        notes: list[tuple[Said, bytes]] = []
        with tempfile.TemporaryDirectory() as folder:
            lab, clock = _lab(folder, today=True)
            runner = InMemory(
                lab=lab,
                clock=clock,
                traits=self.traits,
                user=lab.directory.users[_USER.name],
                seconds=self.seconds,
                note=lambda said, data: notes.append((said, data)),
            )
            run = await runner.run(scenario, service, policy, control=control)
            await lab.stop()
        happened = [event for session in run.trace.sessions for event in session.events]
        self.taken[scenario.id, service.name, control] = [*_spoken(notes), f"events: {' '.join(_kinds(happened))}"]
        if scenario.id == CONTROL:
            self.good[service.name] = run
        return run

    def case(self, scenario: Scenario, service: Service) -> Iterator[str]:
        """Meet an entry on a service; yield what was taken down of it, and the verdict."""
        campaign = Campaign(runner=self, catalogue=CATALOGUE, scenarios=[scenario], services=[service])
        report = asyncio.run(_last(campaign))
        for control in (True, False):
            if (lines := self.taken.get((scenario.id, service.name, control))) is not None:
                yield f"== {report.id} {self.traits.name}{', control' if control else ''}"
                yield from lines
        yield f"verdict: {_verdict(report)}"


async def _last(campaign: Campaign) -> CaseReport:
    """Return the last report, which is the entry's; the known-good server's may come before it."""
    return [report async for report in campaign.reports()][-1]


def _verdict(report: CaseReport) -> str:
    """Return the outcome and the rules broken, whose names are permanent; words of explanation are not."""
    findings = (f"{finding.rule}={finding.outcome}" for finding in report.verdict.findings)
    return " ".join((str(report.verdict.outcome), *findings))


def _spoken(notes: Iterable[tuple[Said, bytes]]) -> Iterator[str]:
    """Yield a line of text for each line that was said; what one side says without a break is one."""
    run: list[tuple[Said, bytes]] = []
    for said, data in notes:
        if run and run[-1][0] is said is not Said.HAPPENED:
            run[-1] = said, run[-1][1] + data
        elif data:
            run.append((said, data))
    for said, data in run:
        yield from _lines(said, data)


def _lines(said: Said, data: bytes) -> Iterator[str]:
    """Yield octets as lines of ASCII; ``S:`` before one that ends with CRLF, ``S>`` before one that does not."""
    if said is Said.HAPPENED:
        yield f"-- {data.decode('ascii')}"
        return
    *whole, rest = data.split(b"\r\n")
    yield from (f"{said}: {_ascii(line)}".rstrip() for line in whole)
    if rest:
        yield f"{said}> {_ascii(rest)}"


def _ascii(line: bytes) -> str:
    text = line.decode("latin-1").encode("unicode_escape").decode("ascii")
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def _kinds(happened: Sequence[events.Event]) -> Iterator[str]:
    """Yield the kinds of the events but those of the network's octets, each with what it says that is not octets."""
    for event in happened:
        if isinstance(event, events.RawReceived | events.RawSent):
            continue
        told = [str(value) for name in ("verb", "facet", "mechanism", "by") if (value := getattr(event, name, ""))]
        yield type(event).__name__ + (f"({','.join(told)})" if told else "")


def _rehearsed(scenario: Scenario, service: Service) -> Iterator[str]:
    """Yield what a scenario says to the client of ``labserver explain``."""
    yield f"== {scenario.id}@{service.name} rehearsal"
    with tempfile.TemporaryDirectory() as folder:
        lab, _ = _lab(folder, today=False)
        happened = dialogue(lab, scenario, service)
        asyncio.run(lab.stop())
    yield from _spoken(note for event in happened for note in _noted(event))
    yield f"events: {' '.join(_kinds(happened))}"


def _noted(event: events.Event) -> Iterator[tuple[Said, bytes]]:
    match event:
        case events.CommandReceived(data=data) | events.LineReceived(data=data) | events.DataReceived(data=data):
            yield Said.CLIENT, data
        case events.ReplySent(data=data):
            yield Said.SERVER, data
        case events.TlsStarted():
            yield Said.HAPPENED, b"TLS starts"


@cache
def _recorders() -> tuple[_Recorder, ...]:
    return tuple(_Recorder(traits=traits) for traits in _CLIENTS)


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
        lab, _ = _lab(folder, today=False)
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
    write, chosen = "--write" in words, [word for word in words if word != "--write"]
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
    print("\n".join(filter(None, told)))  # noqa: T201 -- a program
    return 1 if any(told) else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
