"""A campaign for programs: one JSON document. Fields are added under its schema number, never changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labserver.report.case import proof, transcript_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.report.case import CaseReport
    from labserver.verdicts.finding import Finding

__all__ = ["SCHEMA", "campaign_json"]

SCHEMA = 1


def campaign_json(client: Sequence[str], reports: Sequence[CaseReport]) -> str:
    """Return the document; ``client`` is the command line, its placeholders unfilled."""
    words = [word.encode(errors="surrogateescape").decode(errors="replace") for word in client]  # argv may be anything
    document = {"schema": SCHEMA, "client": words, "cases": [_case(report) for report in reports]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _case(report: CaseReport) -> dict[str, object]:
    run = report.client
    return {
        "case": report.id,
        "scenario": report.scenario.id,
        "service": report.service.name,
        "policy": report.policy.value,
        "verdict": report.verdict.outcome.value,
        "reason": report.verdict.reason,
        "findings": [_finding(report, finding) for finding in report.verdict.findings],
        "runs": {"times": report.tally.times, "of": report.tally.of},
        "ended": run.ended if run else None,
        "seconds": round(run.seconds, 3) if run else None,
        "output": run.output if run else None,
        "transcript": list(transcript_lines(report)),
    }


def _finding(report: CaseReport, finding: Finding) -> dict[str, object]:
    evidence = finding.evidence
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "outcome": finding.outcome.value,
        "what": finding.what,
        "evidence": None
        if evidence is None
        else {
            "session": evidence.session,
            "event": evidence.index,
            "at": round(evidence.event.at, 6),
            "line": proof(report, finding),
        },
    }
