"""The report of a campaign as a document: what was run, by what it was judged, and everything that verdicts rest on.

Writing, reading and writing again gives the same octets. Fields are added under the schema's number, never changed.
"""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from labserver import __version__
from labserver.errors import ConfigurationError
from labserver.report.case import CaseReport, ClientRun, Run, proof, transcript_lines
from labserver.report.evidence_json import session_record, trace_of_records
from labserver.report.judging import Case, Judging, unjudged
from labserver.report.standing import Bar, Expected, exit_code
from labserver.scenario import Expectation, Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome, Revocation, Terms
from labserver.verdicts.policy import Policy
from labserver.verdicts.subject import CONTROL, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labserver.verdicts.finding import Finding
    from labserver.verdicts.judge import Verdict
    from labserver.verdicts.trace import Trace

__all__ = ["SCHEMA", "Told", "case_record", "document_of", "document_without_cases", "read_document", "versions"]

SCHEMA = 1
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of a campaign as a whole."""

    client: tuple[str, ...]
    """The command line, its placeholders unfilled."""
    judging: Judging
    bar: Bar
    version: str = __version__
    """The labserver that ran it."""
    versions: tuple[tuple[str, str], ...] = ()
    """What else it ran with: Python, OpenSSL, the system."""
    started: str = ""
    """When, in ISO 8601."""
    seconds: float = 0.0
    """How long it took."""
    interrupted: bool = False
    """Cases are missing that were asked for."""


def versions() -> tuple[tuple[str, str], ...]:
    """Return what labserver runs with: Python, its OpenSSL, the system."""
    from OpenSSL.SSL import OPENSSL_VERSION, OpenSSL_version  # noqa: PLC0415 -- a report that is read needs no TLS

    return (
        ("python", platform.python_version()),
        ("openssl", OpenSSL_version(OPENSSL_VERSION).decode(errors="replace")),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
    )


def document_of(told: Told, reports: Sequence[CaseReport]) -> dict[str, object]:
    """Return the document of a campaign."""
    return document_without_cases(told, reports) | {"cases": [case_record(report, told.bar) for report in reports]}


def document_without_cases(told: Told, reports: Sequence[CaseReport]) -> dict[str, object]:
    """Return the document of a campaign, the list of its cases empty; of reports it wants what was found, no traces."""
    goods = {report.service.name: report.good for report in reports if report.good is not None}
    words = [word.encode(errors="surrogateescape").decode(errors="replace") for word in told.client]  # argv may be any
    counted = Counter(report.verdict.outcome for report in reports)
    judging, bar = told.judging, told.bar
    return {
        "schema": SCHEMA,
        "labserver": told.version,
        "judged_by": __version__,
        "versions": dict(told.versions),
        "started": told.started,
        "seconds": round(told.seconds, 3),
        "client": words,
        "terms": {
            "patience": judging.patience,
            "bound": judging.terms.bound,
            "revocation": judging.terms.revocation.value,
            "disputed_fails": judging.terms.disputed_fails,
            "fail_on": bar.fail_on.value,
            "expected": [
                {"case": one.case, "verdict": one.verdict.value, "rules": list(one.rules), "reason": one.reason}
                for one in bar.expected
            ],
        },
        "interrupted": told.interrupted,
        "exit_code": _INTERRUPTED if told.interrupted else exit_code(map(bar.standing, reports)),
        "sums": {outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]},
        "controls": [case_record(good, bar) for good in goods.values()],
        "cases": [],
    }


def case_record(report: CaseReport, bar: Bar) -> dict[str, object]:
    """Return what the document has of one case."""
    client, subject = report.client, report.subject
    return {
        "case": report.id,
        "scenario": subject.id,
        "service": report.service.name,
        "policy": report.policy.value,
        **_verdict(report, report.verdict),
        "counts": bar.standing(report).value,
        "runs": {"times": report.tally.times, "of": report.tally.of, "planned": report.planned},
        "ended": client.ended if client else None,
        "exit_code": client.exit_code if client else None,
        "signal": client.signal if client else None,
        "seconds": round(client.seconds, 3) if client else None,
        "output": client.output if client else None,
        "transcript": list(transcript_lines(report)),
        "subject": {field.name: _plain(getattr(subject, field.name)) for field in fields(subject)},
        "control": _sessions(report.control),
        "attempts": [
            {
                **_verdict(report, verdict, trace=run.trace),
                "ended": run.client.ended,
                "exit_code": run.client.exit_code,
                "signal": run.client.signal,
                "seconds": round(run.client.seconds, 3),
                "output": run.client.output,
                "timed_out": run.timed_out,
                "sessions": _sessions(run.trace),
            }
            for run, verdict in zip(report.runs, report.verdicts, strict=True)
        ],
    }


def _verdict(report: CaseReport, verdict: Verdict, trace: Trace | None = None) -> dict[str, object]:
    failed = [one.severity for one in verdict.findings if one.outcome is verdict.outcome]
    worst = max(failed, key=lambda severity: severity.rank, default=None)
    return {
        "verdict": verdict.outcome.value,
        "severity": worst.value if worst is not None else None,
        "reason": verdict.reason,
        "findings": [_finding(report.trace if trace is None else trace, finding) for finding in verdict.findings],
    }


def _finding(trace: Trace, finding: Finding) -> dict[str, object]:
    evidence = finding.evidence
    return {
        "rule": finding.rule,
        "clause": finding.clause,
        "severity": finding.severity.value,
        "outcome": finding.outcome.value,
        "what": finding.what,
        "evidence": None
        if evidence is None
        else {
            "session": evidence.session,
            "event": evidence.index,
            "at": round(evidence.event.at, 6),
            "line": proof(trace, finding),
        },
    }


def _sessions(trace: Trace | None) -> list[dict[str, object]] | None:
    return None if trace is None else [session_record(session) for session in trace.sessions]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def read_document(document: Mapping[str, Any]) -> tuple[Told, list[CaseReport]]:
    """Return a campaign from its document, every verdict derived again.

    Raises ConfigurationError for what is no report of this schema.
    """
    if document.get("schema") != SCHEMA or "controls" not in document:
        raise ConfigurationError(f"it is not a report of labserver check with schema {SCHEMA}, as --json writes it")
    try:
        told = _told(document)
        goods = {one["service"]: _report(told.judging, one, None) for one in document["controls"]}
        reports = []
        for one in document["cases"]:
            good = goods.get(one["service"])
            alone = one["subject"]["id"] == CONTROL
            reports.append(good if alone and good is not None else _report(told.judging, one, None if alone else good))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the report is damaged: {type(error).__name__}: {error}") from error
    return told, reports


def _told(document: Mapping[str, Any]) -> Told:
    terms = document["terms"]
    return Told(
        client=tuple(document["client"]),
        judging=Judging(
            terms=Terms(
                bound=terms["bound"],
                revocation=Revocation(terms["revocation"]),
                disputed_fails=terms["disputed_fails"],
            ),
            patience=terms["patience"],
        ),
        bar=Bar(
            fail_on=Severity(terms["fail_on"]),
            expected=tuple(
                Expected(
                    case=one["case"], verdict=Outcome(one["verdict"]), rules=tuple(one["rules"]), reason=one["reason"]
                )
                for one in terms["expected"]
            ),
        ),
        version=document["labserver"],
        versions=tuple(document["versions"].items()),
        started=document["started"],
        seconds=document["seconds"],
        interrupted=document["interrupted"],
    )


def _report(judging: Judging, record: Mapping[str, Any], good: CaseReport | None) -> CaseReport:
    case = Case(
        subject=_subject(record["subject"]),
        service=SERVICES[record["service"]],
        policy=Policy(record["policy"]),
        control=None if record["control"] is None else trace_of_records(record["control"]),
        good=good,
        planned=record["runs"]["planned"],
    )
    runs = [_run(attempt) for attempt in record["attempts"]]
    return judging.report(case, runs) if runs else unjudged(case, record["reason"])


def _run(attempt: Mapping[str, Any]) -> Run:
    client = ClientRun(**{field.name: attempt[field.name] for field in fields(ClientRun)})
    return Run(trace=trace_of_records(attempt["sessions"]), client=client, timed_out=attempt["timed_out"])


def _subject(record: Mapping[str, Any]) -> Subject:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
    }
    values["expectation"] = Expectation(values["expectation"])
    values["severity"] = Severity(values["severity"])
    return Subject(**values)
