"""What is reported of one case: its verdict, and enough of what happened to believe it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.report.ndjson import encoded
from labserver.report.text import lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from labserver.events import Event
    from labserver.services import Service
    from labserver.verdicts.finding import Finding
    from labserver.verdicts.judge import Tally, Verdict
    from labserver.verdicts.policy import Policy
    from labserver.verdicts.subject import Subject
    from labserver.verdicts.trace import Evidence, Trace

__all__ = ["CaseReport", "ClientRun", "Run", "proof", "transcript_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRun:
    """How the client itself fared: never a reason for a verdict, often its explanation."""

    ended: str
    """``exit code 60``, ``killed by SIGSEGV``, ``still running after 20 seconds``."""
    seconds: float
    output: str
    """What it printed, shortened in the middle."""
    exit_code: int | None = None
    """None if it was still running, or was ended by a signal."""
    signal: int | None = None
    """The number of the signal that ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of a client left behind."""

    trace: Trace
    client: ClientRun
    timed_out: bool
    """It still ran when it was ended, or what it left behind was still connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """One row of a campaign."""

    subject: Subject
    service: Service
    policy: Policy
    verdict: Verdict
    tally: Tally
    trace: Trace
    """The sessions of the run that the verdict is about."""
    client: ClientRun | None
    """None where nothing was run."""
    runs: tuple[Run, ...] = ()
    """All runs, in order."""
    verdicts: tuple[Verdict, ...] = ()
    """The verdict on each."""
    planned: int = 1
    """Runs that there are unless a race is lost before."""
    control: Trace | None = None
    """The run of the scenario's own control, where it has one."""
    good: CaseReport | None = None
    """What the client made of the known-good server; None for the known-good server itself."""

    @property
    def id(self) -> str:
        """The case, as it is written everywhere."""
        return f"{self.subject.id}@{self.service.name}"


def proof(trace: Trace, finding: Finding) -> str:
    """Return the line of the transcript that proves a finding; empty where the proof is that nothing happened."""
    if finding.evidence is None:
        return ""
    shown = next(_shown(finding.evidence.session, _started(trace, finding.evidence), finding.evidence.event), "")
    return shown or f"{finding.evidence.session:>4} {finding.evidence.event.at:9.4f} -- octets that make no command"


def transcript_lines(report: CaseReport) -> Iterator[str]:
    """Yield the whole transcript of the run, credentials masked."""
    for session in report.trace.sessions:
        for event in session.events:
            yield from _shown(session.number, session.started, event)
        if session.elided:
            yield f"{session.number:>4}           -- {session.elided} more events, which told nothing new, are left out"


def _shown(session: int, started: datetime, event: Event) -> Iterator[str]:
    yield from lines(json.loads(encoded(session, started, event)))


def _started(trace: Trace, evidence: Evidence) -> datetime:
    return next(session.started for session in trace.sessions if session.number == evidence.session)
