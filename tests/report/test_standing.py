"""How cases count: text, JUnit and the exit code agree, whatever was found and whatever was declared."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.report.campaign_junit import campaign_junit
from labserver.report.campaign_text import case_lines, summary_lines
from labserver.report.case import CaseReport
from labserver.report.standing import Bar, Expected, Standing, exit_code, is_included
from labserver.scenario import Severity
from labserver.services import SERVICES
from labserver.verdicts.finding import Finding, Outcome
from labserver.verdicts.judge import Tally, Verdict
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import subject_of
from labserver.verdicts.trace import Trace
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

_RULE = "rejects-certificate"
_DECLARED = Expected(case="expired@*", verdict=Outcome.FAIL, rules=(_RULE,), reason="we know")


def found(
    outcome: Outcome, severity: Severity = Severity.CRITICAL, *, rule: str = _RULE, case: str = "expired@imaps"
) -> CaseReport:
    """Return the report of a case that ended so."""
    scenario, _, name = case.partition("@")
    finding = Finding(rule=rule, severity=severity, outcome=outcome, what="did something")
    return CaseReport(
        subject=subject_of(CATALOGUE[scenario]),
        service=SERVICES[name],
        policy=default_policy(SERVICES[name]),
        verdict=Verdict(outcome=outcome, findings=(finding,) if outcome.rank > Outcome.PASS.rank else ()),
        tally=Tally(times=1, of=1),
        trace=Trace(sessions=()),
        client=None,
    )


@pytest.mark.parametrize(
    ("outcome", "severity", "standing"),
    [
        (Outcome.FAIL, Severity.CRITICAL, Standing.FAILED),
        (Outcome.FAIL, Severity.MEDIUM, Standing.FAILED),
        (Outcome.FAIL, Severity.LOW, Standing.PASSED),
        (Outcome.WARN, Severity.CRITICAL, Standing.PASSED),
        (Outcome.INFO, Severity.CRITICAL, Standing.PASSED),
        (Outcome.PASS, Severity.LOW, Standing.PASSED),
        (Outcome.INCONCLUSIVE, Severity.LOW, Standing.UNDECIDED),
        (Outcome.NOT_APPLICABLE, Severity.LOW, Standing.SKIPPED),
    ],
)
def test_plain(outcome: Outcome, severity: Severity, standing: Standing) -> None:
    """Without a declaration a FAIL of enough severity counts, and what nothing can be told from is undecided."""
    assert Bar().standing(found(outcome, severity)) is standing


def test_fail_on() -> None:
    """The user says from which severity on a FAIL counts; one below is said not to."""
    report = found(Outcome.FAIL, Severity.MEDIUM)
    high = Bar(fail_on=Severity.HIGH)
    assert high.standing(report) is Standing.PASSED
    assert Bar(fail_on=Severity.LOW).standing(found(Outcome.FAIL, Severity.LOW)) is Standing.FAILED
    assert next(case_lines(report, high)) == "FAIL           expired@imaps  (below high: does not count)"
    assert list(summary_lines([report], high)) == ["1 case: 1 FAIL", "1 FAIL below high, which does not count"]


@pytest.mark.parametrize(
    ("report", "standing", "note"),
    [
        (found(Outcome.FAIL), Standing.EXPECTED, "as expected: we know"),
        (found(Outcome.FAIL, Severity.LOW), Standing.EXPECTED, "as expected: we know"),
        (found(Outcome.FAIL, rule="bounded-time"), Standing.FAILED, f"expected FAIL {_RULE}: we know"),
        (found(Outcome.PASS), Standing.UNEXPECTED, f"expected FAIL {_RULE}: we know"),
        (found(Outcome.WARN), Standing.UNEXPECTED, f"expected FAIL {_RULE}: we know"),
        (found(Outcome.INCONCLUSIVE), Standing.UNDECIDED, f"expected FAIL {_RULE}: we know"),
        (found(Outcome.NOT_APPLICABLE), Standing.SKIPPED, ""),
        (found(Outcome.NOT_OFFERED), Standing.UNEXPECTED, f"expected FAIL {_RULE}: we know"),
        (found(Outcome.FAIL, case="self-signed@imaps"), Standing.FAILED, ""),
    ],
)
def test_declared(report: CaseReport, standing: Standing, note: str) -> None:
    """A divergence that was declared does not count; another one does, and so does none."""
    bar = Bar(expected=(_DECLARED,))
    assert bar.standing(report) is standing
    assert bar.note(report) == note


def test_own_name_first() -> None:
    """A case that is declared by its own name is not under a pattern, wherever that stands."""
    own = Expected(case="expired@imaps", verdict=Outcome.INCONCLUSIVE, reason="another")
    assert Bar(expected=(_DECLARED, own)).declared(found(Outcome.FAIL)) is own
    assert Bar(expected=(_DECLARED, own)).declared(found(Outcome.FAIL, case="expired@pop3")) is _DECLARED


_STANDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(Outcome),
        st.sampled_from(Severity),
        case=st.sampled_from(["expired@imaps", "self-signed@smtp", "good@pop3"]),
    ),
    max_size=6,
)


@given(_STANDINGS, st.sampled_from(Severity), st.booleans())
def test_formats_agree(reports: Sequence[CaseReport], fail_on: Severity, declared: bool) -> None:  # noqa: FBT001 -- drawn
    """JUnit has a failure where the exit code is 1, an error but no failure where it is 3, and else neither."""
    bar = Bar(fail_on=fail_on, expected=(_DECLARED,) if declared else ())
    code = exit_code(map(bar.standing, reports))
    (suite,) = ET.fromstring(campaign_junit(["x"], reports, bar))  # noqa: S314 -- our own
    failures, errors, skipped = (len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped"))
    assert code == (1 if failures else 3 if errors else 0)
    counts = tuple(int(suite.attrib[name]) for name in ("failures", "errors", "skipped"))
    assert counts == (failures, errors, skipped)
    assert list(summary_lines(reports, bar))


@pytest.mark.parametrize(
    ("pattern", "included"),
    [
        ("expired", False),
        ("exp*", False),
        ("expired@imaps", False),
        ("*@imap*", False),
        ("expired@pop3*", True),
        ("imaps", True),
        ("expire", True),
    ],
)
def test_excluded(pattern: str, included: bool) -> None:  # noqa: FBT001 -- a table's column
    """A pattern is for scenarios, or with an @ for cases."""
    assert is_included("expired@imaps", ["self-signed", pattern]) is included
