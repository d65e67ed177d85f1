"""Everywhere that people and programs can read what was said, and what of a password can be read there."""

from __future__ import annotations

import argparse
import base64
import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from labserver.cli.sinks import follow
from labserver.clock import FixedClock
from labserver.report.campaign_json import campaign_json
from labserver.report.campaign_junit import campaign_junit
from labserver.report.campaign_text import case_lines
from labserver.report.case import CaseReport
from labserver.report.document import Told
from labserver.report.judging import Judging
from labserver.report.ndjson import encoded
from labserver.report.standing import Bar
from labserver.report.text import lines
from labserver.services import SERVICES
from labserver.session.transcript import Transcript
from labserver.verdicts.finding import Context
from labserver.verdicts.judge import Tally, judge
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import subject_of
from labserver.verdicts.trace import Session, Trace
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from labserver.events import Event

_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_SCENARIOS = ("auth-rejected", "starttls-refused")
"""One with the rule about what is tried after a rejection, and one with nothing but those that always hold."""


def shown(service: str, happened: Sequence[Event]) -> dict[str, str]:
    """Return what each format makes of a session, credentials masked."""
    records = [encoded(1, _STARTED, event) for event in happened]
    reports = [_report(service, name, happened) for name in _SCENARIOS if CATALOGUE[name].on(SERVICES[service])]
    return {
        "JSON": "\n".join(records),
        "text": "\n".join(line for record in records for line in lines(json.loads(record), raw=True)),
        "check": "\n".join(line for report in reports for line in case_lines(report)),
        "check, JSON": campaign_json(Told(client=("client",), judging=Judging(), bar=Bar()), reports),
        "check, JUnit": campaign_junit(["client"], reports).decode(),
    }


def followed(happened: Iterable[Event], folder: Path) -> dict[str, str]:
    """Return what ``--transcript`` and ``--log debug`` have of a session."""
    log, heard = logging.getLogger("labserver.sessions"), _Heard()
    transcript = Transcript(clock=FixedClock(), octets=1 << 20, raw_octets=1 << 20, sessions=1)
    record, path = transcript.begin(), folder / "transcript"
    level = log.level
    log.addHandler(heard)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        with follow(transcript, argparse.Namespace(transcript=path, show_secrets=False)):
            for event in happened:
                record.observe(event)
        return {"log": "\n".join(heard.lines), "file": path.read_text(encoding="utf-8")}
    finally:
        log.removeHandler(heard)
        log.setLevel(level)
        log.propagate = True
        path.unlink(missing_ok=True)


def exposed(text: str, password: str) -> bool:
    """Whether a text has the password, in any case of letters: as it is, in base64 at any place, in hexadecimal."""
    told = text.casefold()
    return any(form in told for form in _forms(password))


@lru_cache(maxsize=256)
def _forms(password: str) -> tuple[str, ...]:
    octets = password.encode()
    forms = [password, octets.decode("latin-1"), octets.hex(), octets.hex(" ")]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + octets).decode()
        whole = len(octets) + shift
        forms.append(coded[(shift * 8 + 5) // 6 : whole * 8 // 6])  # the characters that depend on nothing else
    return tuple(form.casefold() for form in forms)


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _report(service: str, scenario: str, happened: Sequence[Event]) -> CaseReport:
    one, entry = SERVICES[service], CATALOGUE[scenario]
    kept = Trace(sessions=(Session(number=1, started=_STARTED, events=tuple(happened)),))
    context = Context(seconds=20.0)
    policy = default_policy(one)
    return CaseReport(
        subject=subject_of(entry),
        service=one,
        policy=policy,
        verdict=judge(subject_of(entry), one, policy, kept, context),
        tally=Tally(times=1, of=1),
        trace=kept,
        client=None,
    )
