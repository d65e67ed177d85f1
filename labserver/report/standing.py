"""What a verdict means for the run: which cases fail it, which leave it undecided, which diverge as declared.

Text, JUnit and the exit code all ask here, so they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from labserver.scenario import Severity
from labserver.verdicts.finding import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.report.case import CaseReport

__all__ = ["Bar", "Expected", "Standing", "exit_code", "is_included"]

_INCONCLUSIVE = 3
_FINDINGS = 1


class Standing(StrEnum):
    """How a case counts."""

    PASSED = "passed"
    """It passed, or what was found is a remark."""
    FAILED = "failed"
    """It failed, badly enough to count."""
    UNDECIDED = "undecided"
    """Nothing can be told from what the client did."""
    SKIPPED = "skipped"
    """There is no such case here, or the client does not offer what it is about."""
    EXPECTED = "expected"
    """It went as the user declared."""
    UNEXPECTED = "unexpected"
    """The user declared that it goes wrong, and it did not: the declaration is out of date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A divergence that the user declared."""

    case: str
    """A case, ``expired@imaps``, or a pattern for several, ``expired@*``."""
    verdict: Outcome
    rules: tuple[str, ...] = ()
    """The rules that may be broken; any if empty."""
    reason: str

    def covers(self, report: CaseReport) -> bool:
        """Return whether the case went as declared."""
        broken = {finding.rule for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
        return report.verdict.outcome is self.verdict and (not self.rules or broken <= set(self.rules))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What counts: from which severity on a FAIL does, and what was declared."""

    fail_on: Severity = Severity.MEDIUM
    expected: tuple[Expected, ...] = ()

    def standing(self, report: CaseReport) -> Standing:
        """Return how a case counts."""
        plain, declared = self._plain(report), self.declared(report)
        if declared is None or report.verdict.outcome is Outcome.NOT_APPLICABLE:
            return plain
        if declared.covers(report):
            return Standing.EXPECTED
        return Standing.UNEXPECTED if plain in {Standing.PASSED, Standing.SKIPPED} else plain

    def declared(self, report: CaseReport) -> Expected | None:
        """Return what was declared of a case: under its own name, else by the first pattern that matches."""
        matching = [one for one in self.expected if fnmatchcase(report.id, one.case)]
        return next((one for one in matching if one.case == report.id), next(iter(matching), None))

    def note(self, report: CaseReport) -> str:
        """Return what to say of a case that was declared, or that fails without counting; empty for any other."""
        standing, declared = self.standing(report), self.declared(report)
        if declared is not None and standing is Standing.EXPECTED:
            return f"as expected: {declared.reason}"
        if declared is not None and standing is not Standing.SKIPPED:
            return f"expected {declared.verdict.value}{_listed(declared.rules)}: {declared.reason}"
        if report.verdict.outcome is Outcome.FAIL and standing is Standing.PASSED:
            return f"below {self.fail_on.value}: does not count"
        return ""

    def _plain(self, report: CaseReport) -> Standing:
        """Return how a case counts of which nothing was declared."""
        match report.verdict.outcome:
            case Outcome.FAIL:
                counts = any(
                    finding.outcome is Outcome.FAIL and finding.severity.rank >= self.fail_on.rank
                    for finding in report.verdict.findings
                )
                return Standing.FAILED if counts else Standing.PASSED
            case Outcome.INCONCLUSIVE:
                return Standing.UNDECIDED
            case Outcome.NOT_APPLICABLE | Outcome.NOT_OFFERED:
                return Standing.SKIPPED
            case _:
                return Standing.PASSED


def exit_code(standings: Iterable[Standing]) -> int:
    """Return 1 if a case fails or a declaration is out of date, else 3 if one is undecided, else 0."""
    found = set(standings)
    if found & {Standing.FAILED, Standing.UNEXPECTED}:
        return _FINDINGS
    return _INCONCLUSIVE if Standing.UNDECIDED in found else 0


def is_included(case: str, exclude: Iterable[str]) -> bool:
    """Return whether none of the patterns, each for scenarios or for cases, matches a case."""
    scenario = case.partition("@")[0]
    return not any(fnmatchcase(case if "@" in pattern else scenario, pattern) for pattern in exclude)


def _listed(rules: tuple[str, ...]) -> str:
    return f" {', '.join(rules)}" if rules else ""
