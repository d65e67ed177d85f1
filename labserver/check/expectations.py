"""Declared divergences: a TOML file with the cases that go wrong for a reason, each with that reason.

A table is a case or a pattern for several::

    ["expired@imaps"]
    verdict = "FAIL"  # or "INCONCLUSIVE"
    rules = ["rejects-certificate"]  # which may be broken; any if there is none
    reason = "the clock of our devices is wrong, and we know"
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import msgspec

from labserver.nearest import did_you_mean
from labserver.report.standing import Bar, Expected, Standing
from labserver.tables import TableError, converted, read_document, unknown
from labserver.verdicts.finding import Outcome
from labserver.verdicts.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from labserver.report.case import CaseReport

__all__ = ["expected_toml", "read_expected"]

_DIVERGING = (Standing.FAILED, Standing.UNDECIDED, Standing.EXPECTED)
_HEAD = """\
# Cases that diverge for a reason, for: labserver check --expect FILE
# Each needs a reason; a case that does not diverge any more fails the run, too.
"""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""

    verdict: Literal["FAIL", "INCONCLUSIVE"]
    reason: str
    rules: list[str] = []


def read_expected(path: Path, cases: Collection[str]) -> tuple[Expected, ...]:
    """Return what a file declares; ``cases`` are all that there are, of every scenario on every service.

    Raises ConfigurationError for a file that cannot be read, for a case or rule that does not exist, and for a
    declaration without a reason.
    """
    document = read_document(path, "--expect")
    try:
        return tuple(_expected(case, table, cases) for case, table in document.tables.items())
    except TableError as error:
        raise document.mistake(error) from error


def _expected(case: str, table: object, cases: Collection[str]) -> Expected:
    if not any(fnmatchcase(one, case) for one in cases):
        raise TableError((case,), f"no such case{did_you_mean(case, cases)}")
    try:
        told = converted(table, _Table)
    except TableError as error:
        raise error.below(case) from error
    for place, rule in enumerate(told.rules):
        if rule not in RULES:
            raise TableError((case, "rules", place), unknown(rule, RULES, what="rule"))
    if not told.reason.strip():
        raise TableError((case, "reason"), "it is empty; say why the client may do that")
    return Expected(case=case, verdict=Outcome(told.verdict), rules=tuple(told.rules), reason=told.reason)


def expected_toml(reports: Iterable[CaseReport], bar: Bar) -> str:
    """Return a file that declares what diverged in a run; reasons are kept, and new ones are left for the user."""
    return _HEAD + "".join(f"\n{table}" for report in reports for table in _tables(report, bar))


def _tables(report: CaseReport, bar: Bar) -> Iterator[str]:
    standing, declared = bar.standing(report), bar.declared(report)
    if standing not in _DIVERGING:
        return
    rules = [finding.rule for finding in report.verdict.findings if finding.outcome is Outcome.FAIL]
    kept = declared.reason if declared is not None and standing is Standing.EXPECTED else ""
    lines = [
        f"[{_quoted(report.id)}]",
        f"verdict = {_quoted(report.verdict.outcome.value)}",
        *([f"rules = [{', '.join(map(_quoted, rules))}]"] if rules else []),
        f"reason = {_quoted(kept)}",
    ]
    yield "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a basic string of TOML 1.0, of which JSON's strings are a part."""
    return json.dumps(text).replace("\x7f", "\\u007f")
