"""Every scenario bites: the strict client passes, the gullible one does not. One without teeth breaks the build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.events import InternalFault
from labserver.report.campaign_text import case_lines
from labserver.report.case import transcript_lines
from labserver.scenario import Expectation, Severity
from labserver.verdicts.finding import Outcome
from tests.ours import CATALOGUE
from tests.reference.traits import GULLIBLE, STRICT

if TYPE_CHECKING:
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from tests.catalogue.conftest import Reports

CASES = [(scenario, service) for scenario in CATALOGUE.default.values() for service in scenario.services]
IDS = [f"{scenario.id}@{service}" for scenario, service in CASES]
CONTROLS = [scenario.id for scenario in CATALOGUE.default.values() if scenario.severity is Severity.NONE]


def _told(report: CaseReport) -> str:
    return "\n".join((*case_lines(report), *transcript_lines(report)))


@pytest.mark.parametrize(("scenario", "service"), CASES, ids=IDS)
def test_strict_passes(scenario: Scenario, service: str, reports: Reports) -> None:
    """A client that is right in every respect passes, without a remark."""
    report = reports[STRICT.name, f"{scenario.id}@{service}"]
    assert report.verdict.outcome is Outcome.PASS, _told(report)
    assert not report.verdict.findings, _told(report)


@pytest.mark.parametrize(("scenario", "service"), CASES, ids=IDS)
def test_gullible_fails(scenario: Scenario, service: str, reports: Reports) -> None:
    """A client that falls for everything fails by the scenario's own rule, and passes the controls only."""
    report = reports[GULLIBLE.name, f"{scenario.id}@{service}"]
    if scenario.id in CONTROLS:
        assert report.verdict.outcome is Outcome.PASS, _told(report)
        return
    assert report.verdict.outcome is Outcome.FAIL, _told(report)
    broken = {finding.rule for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
    assert broken & set(scenario.rules or ("no-secret-in-clear",)), _told(report)


def test_controls_are_accepted() -> None:
    """Only what a correct client works with is without a severity."""
    assert CONTROLS
    assert all(CATALOGUE[name].expectation is Expectation.ACCEPT for name in CONTROLS)


@pytest.mark.usefixtures("over_sockets")
def test_nothing_is_left(leftovers: list[str]) -> None:
    """After all cases with both clients no task and no descriptor is left."""
    assert leftovers == []


@pytest.mark.parametrize("client", [STRICT.name, GULLIBLE.name])
def test_lab_is_unharmed(client: str, reports: Reports) -> None:
    """No session ended with an exception of the lab's."""
    faults = [
        event
        for (name, _), report in reports.items()
        for session in report.trace.sessions
        for event in session.events
        if name == client and isinstance(event, InternalFault)
    ]
    assert faults == []
