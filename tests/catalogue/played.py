"""Plays a case of the catalogue to a reference client, in a lab of its own, and takes down what is said.

The lab is made from a seed, at a fixed time of day, in memory; only certificates are of today, because the clients look
at the real clock. TLS, which is different each time, is left out.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labserver import events
from labserver.check.campaign import Campaign
from labserver.lab import Lab
from labserver.mailstore.directory import User
from labserver.pki.material import Wanted
from labserver.settings import Settings
from labserver.verdicts.finding import STRICTEST
from labserver.verdicts.subject import CONTROL
from tests.reference.in_memory import InMemory, MemoryClock, Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.catalogue.catalogue import Catalogue
    from labserver.check.case_run import Run
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from tests.reference.traits import Traits

__all__ = ["BYSTANDER", "USER", "Recorder", "kinds", "lab_of_its_own", "spoken"]

_MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)
_SEED = "recorded"
USER = User(name="canary", password="Sing5recorded")
"""Who the clients are."""
BYSTANDER = User(name="bystander", password="Stand5by")
"""Somebody else in the same lab."""
_DEADLINE = 5.0
"""Seconds of the clients' time, which passes when all wait: longer than the strict client's patience."""


class _Clock(MemoryClock):
    """Always the same time of day."""

    def now(self) -> datetime:
        """Return the moment at which everything is recorded."""
        return _MOMENT


def lab_of_its_own(folder: str, catalogue: Catalogue, *, today: bool) -> tuple[Lab, MemoryClock]:
    """Return a lab of its own; its certificates are of today, or of the fixed moment."""
    clock, wanted = _Clock(), Wanted(seed=_SEED, now=datetime.now(UTC) if today else _MOMENT)
    published = 0 if today else None  # any port: a certificate that names it is not the same each time
    settings = Settings(ports={}, http_port=published, users=(USER, BYSTANDER), certificates=wanted)
    return Lab(settings, catalogue, run_directory=Path(folder), clock=clock), clock


_READ_OUT = (events.ClientHelloReceived, events.LoginRejected, events.MechanismsListed)
"""What a trace has besides what happened: it is read from octets that are recorded as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Runs a client of a campaign, each time in a new lab, and takes down what is said."""

    traits: Traits
    catalogue: Catalogue
    seconds: float = _DEADLINE
    good: dict[str, Run] = field(default_factory=dict)
    """What happened at the known-good server, by service, so that it is not met again for each case."""
    taken: dict[tuple[str, str, bool], list[str]] = field(default_factory=dict)
    """Lines by entry, service, and whether it was the control that goes with the entry."""

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Run the client once."""
        if scenario.id == CONTROL and service.name in self.good:
            return self.good[service.name]
        notes: list[tuple[Said, bytes]] = []
        with tempfile.TemporaryDirectory() as folder:
            lab, clock = lab_of_its_own(folder, self.catalogue, today=True)
            runner = InMemory(
                lab=lab,
                clock=clock,
                traits=self.traits,
                user=lab.directory.users[USER.name],
                seconds=self.seconds,
                note=lambda said, data: notes.append((said, data)),
            )
            run = await runner.run(scenario, service, policy, control=control)
            await lab.stop()
        happened = [
            event for session in run.trace.sessions for event in session.events if not isinstance(event, _READ_OUT)
        ]
        self.taken[scenario.id, service.name, control] = [*spoken(notes), f"events: {' '.join(kinds(happened))}"]
        if scenario.id == CONTROL:
            self.good[service.name] = run
        return run

    def report(self, scenario: Scenario, service: Service) -> CaseReport:
        """Meet an entry on a service; return the verdict and what led to it."""
        campaign = Campaign(
            runner=self, catalogue=self.catalogue, scenarios=[scenario], services=[service], terms=STRICTEST
        )
        return asyncio.run(_last(campaign))

    def case(self, scenario: Scenario, service: Service) -> Iterator[str]:
        """Meet an entry on a service; yield what was taken down of it, and the verdict."""
        report = self.report(scenario, service)
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


def spoken(notes: Iterable[tuple[Said, bytes]]) -> Iterator[str]:
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


def kinds(happened: Sequence[events.Event]) -> Iterator[str]:
    """Yield the kinds of the events but those of the network's octets, each with what it says that is not octets."""
    for event in happened:
        if isinstance(event, events.RawReceived | events.RawSent):
            continue
        told = [str(value) for name in ("verb", "facet", "mechanism", "by") if (value := getattr(event, name, ""))]
        yield type(event).__name__ + (f"({','.join(told)})" if told else "")
