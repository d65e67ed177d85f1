"""Every certificate recipe bites: the strict client passes, the gullible one fails, and neither fails an "either"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.catalogue.entries import CATALOGUE, Catalogue
from labserver.events import InternalFault
from labserver.pki.cookbook import cookbook
from labserver.report.campaign_text import case_lines
from labserver.scenario import Expectation
from labserver.verdicts.finding import Outcome
from tests.pki.judges import OPENSSL_ACCEPTS
from tests.reference.client import GULLIBLE, STRICT

if TYPE_CHECKING:
    from labserver.pki.specification import ChainSpec
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from tests.catalogue.conftest import Reports

UNMET = {"certificate-compression": "OpenSSL 3.0 does not offer to take any"}
"""What the strict client, which is OpenSSL's, never gets to see: nothing can be said about it then."""
SERVICES = ("imaps", "submission")  # as in the fixture
ALL = pytest.mark.parametrize("scenario", CATALOGUE.forged.values(), ids=list(CATALOGUE.forged))
ON = pytest.mark.parametrize("service", SERVICES)

pytestmark = pytest.mark.timeout(120)  # the first test waits for the clients to meet every case


def _told(report: CaseReport) -> str:
    return "\n".join(case_lines(report))


@ON
@ALL
def test_strict(scenario: Scenario, service: str, forged: Reports) -> None:
    """A client that verifies as OpenSSL does passes, unless OpenSSL is known to be wrong."""
    report = forged[STRICT.name, f"{scenario.id}@{service}"]
    right = Outcome.FAIL if scenario.id in OPENSSL_ACCEPTS else Outcome.PASS
    assert report.verdict.outcome is (Outcome.INCONCLUSIVE if scenario.id in UNMET else right), _told(report)


@ON
@ALL
def test_gullible(scenario: Scenario, service: str, forged: Reports) -> None:
    """A client that verifies nothing, nor reads anything, fails where it has to reject, and nowhere else."""
    report = forged[GULLIBLE.name, f"{scenario.id}@{service}"]
    rejected = scenario.expectation is Expectation.REJECT
    assert report.verdict.outcome is (Outcome.FAIL if rejected else Outcome.PASS), _told(report)
    assert not any(isinstance(event, InternalFault) for session in report.trace.sessions for event in session.events)
    severities = {finding.severity for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
    assert severities == ({scenario.severity} if rejected else set())
    broken = {finding.rule for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
    assert broken == ({"rejects-certificate"} if rejected else set())


def test_every_recipe() -> None:
    """Each recipe is a scenario under its own id, and none has the id of another scenario."""
    assert list(CATALOGUE.forged) == list(cookbook())
    assert not CATALOGUE.forged.keys() & CATALOGUE.written.keys()
    assert list(CATALOGUE) == [*CATALOGUE.written, *CATALOGUE.forged]
    assert len(CATALOGUE) == len(list(CATALOGUE))


def test_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario that is no recipe's is found without reading any; another name is looked up there, too."""
    asked: list[str] = []

    def no_recipes() -> dict[str, ChainSpec]:
        asked.append("recipes")
        return {}

    monkeypatch.setattr("labserver.catalogue.forged.cookbook", no_recipes)
    catalogue = Catalogue(CATALOGUE["good"])
    assert catalogue["good"] is CATALOGUE["good"]
    assert asked == []
    assert "nonesuch" not in catalogue
    assert asked == ["recipes"]
