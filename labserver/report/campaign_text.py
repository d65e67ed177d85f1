"""A campaign for people: a line a case, under a failure what proves it, and the sum."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labserver.report.case import proof
from labserver.verdicts.finding import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.report.case import CaseReport

__all__ = ["case_lines", "output_lines", "summary_lines"]

_TOLD = frozenset({Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE})
"""Outcomes under which the client's own words are worth reading."""
_MOST_OUTPUT = 12
_WIDEST = 160


def case_lines(report: CaseReport) -> Iterator[str]:
    """Yield the verdict, and for each finding the line of the transcript that proves it."""
    verdict, tally = report.verdict, report.tally
    times = f"  ({tally.times} of {tally.of} runs)" if tally.of > 1 else ""
    reason = f"  {verdict.reason}" if verdict.reason else ""
    yield f"{verdict.outcome.value:<14} {report.id}{times}{reason}"
    for finding in verdict.findings:
        if verdict.reason and finding.outcome is Outcome.INCONCLUSIVE:
            continue
        yield f"    {finding.severity.value} {finding.rule}: it {finding.what}"
        line = proof(report, finding)
        if line:
            yield f"      {line}"


def output_lines(report: CaseReport) -> Iterator[str]:
    """Yield the end of what the client printed, where that may explain the verdict."""
    if report.client is None or report.verdict.outcome not in _TOLD:
        return
    yield f"    client: {report.client.ended}"
    printed = [line for line in report.client.output.splitlines() if line.strip()]
    if len(printed) > _MOST_OUTPUT:
        yield f"    | … {len(printed) - _MOST_OUTPUT} lines before"
    for line in printed[-_MOST_OUTPUT:]:
        shown = "".join(c if c.isprintable() else "·" for c in line[:_WIDEST])
        yield f"    | {shown}{' …' if len(line) > _WIDEST else ''}"


def summary_lines(reports: Sequence[CaseReport]) -> Iterator[str]:
    """Yield how many cases ended how."""
    counted = Counter(report.verdict.outcome for report in reports)
    parts = [f"{counted[outcome]} {outcome.value}" for outcome in reversed(Outcome) if counted[outcome]]
    yield f"{len(reports)} case{'s' * (len(reports) != 1)}: {', '.join(parts)}" if parts else "no case"
