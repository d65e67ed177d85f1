"""A campaign for people: a line a case, under a failure what proves it, and the sum."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labserver.report.case import proof
from labserver.report.standing import Bar, Standing
from labserver.verdicts.finding import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.report.case import CaseReport

__all__ = ["case_lines", "output_lines", "summary_lines"]

_TOLD = frozenset({Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE})
"""Outcomes under which the client's own words are worth reading."""
_MOST_OUTPUT = 12
_WIDEST = 160


def case_lines(report: CaseReport, bar: Bar = Bar()) -> Iterator[str]:  # noqa: B008 -- frozen
    """Yield the verdict, and for each finding the line of the transcript that proves it."""
    verdict, tally = report.verdict, report.tally
    times = f"  ({tally.times} of {tally.of} runs)" if tally.of > 1 else ""
    if tally.planned:
        times = f"  (in run {tally.of} of {tally.planned})"
    reason = f"  {verdict.reason}" if verdict.reason else ""
    note = bar.note(report)
    yield f"{verdict.outcome.value:<14} {report.id}{times}{reason}{f'  ({note})' if note else ''}"
    for finding in verdict.findings:
        if verdict.reason and finding.outcome is Outcome.INCONCLUSIVE:
            continue
        clause = f"  ({finding.clause})" if finding.clause else ""
        yield f"    {finding.severity.value} {finding.rule}: it {finding.what}{clause}"
        line = proof(report.trace, finding)
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


def summary_lines(reports: Sequence[CaseReport], bar: Bar = Bar()) -> Iterator[str]:  # noqa: B008 -- frozen
    """Yield how many cases ended how, and which of them count in another way than their verdict says."""
    counted = Counter(report.verdict.outcome for report in reports)
    parts = [f"{counted[outcome]} {outcome.value}" for outcome in reversed(Outcome) if counted[outcome]]
    yield f"{_cases(len(reports))}: {', '.join(parts)}" if parts else "no case"
    standings = Counter(bar.standing(report) for report in reports)
    if standings[Standing.EXPECTED]:
        yield f"{_cases(standings[Standing.EXPECTED])} as expected"
    if standings[Standing.UNEXPECTED]:
        yield f"{_cases(standings[Standing.UNEXPECTED])} expected to diverge did not, which fails the run"
    failing = sum(report.verdict.outcome is Outcome.FAIL for report in reports)
    expected = sum(
        report.verdict.outcome is Outcome.FAIL and bar.standing(report) is Standing.EXPECTED for report in reports
    )
    below = failing - expected - standings[Standing.FAILED]
    if below:
        yield f"{below} FAIL below {bar.fail_on.value}, which does not count"


def _cases(number: int) -> str:
    return f"{number} case{'s' * (number != 1)}"
