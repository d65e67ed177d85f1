"""Every certificate recipe bites: the strict client passes, the gullible one fails, and neither fails an "either"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labserver.catalogue.shipped import shipped_catalogue
from labserver.events import InternalFault, TlsFailed
from labserver.pki.recipe_files import all_recipes
from labserver.report.campaign_text import case_lines
from labserver.scenario import Expectation
from labserver.verdicts.finding import Outcome
from tests.ours import CATALOGUE, from_recipes
from tests.pki.judges import OPENSSL_ACCEPTS, UNPROVED
from tests.reference.traits import GULLIBLE, STRICT

if TYPE_CHECKING:
    from labserver.pki.specification import ChainSpec
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from tests.catalogue.conftest import Forged

NOT_OFFERED = {
    "brainpool-p256r1": "the curve",
    "ecc192": "the curve",
    "ecc224": "the curve",
    "mldsa44": "the signature algorithm",
    "mldsa65": "the signature algorithm",
    "mldsa65-ca": "the signature algorithm",
    "mldsa87": "the signature algorithm",
    "secp256k1": "the curve",
}
"""What neither client names in its ClientHello, so that no server can show it the certificate."""
NOT_OFFERED_STRICTLY = NOT_OFFERED | {"dsa-leaf": "a cipher suite"}
"""The same for the strict client."""
UNASKED = {"certificate-compression", "raw-public-key"} | {
    name for name, spec in all_recipes().items() if spec.delegation
}
"""What is kept from the strict client, which is OpenSSL's, because it does not ask for it."""
SERVICES = ("imaps", "submission")
"""One that begins in TLS and one that begins in clear: what comes before TLS has nothing to do with certificates."""
ALL = pytest.mark.parametrize("scenario", from_recipes().values(), ids=list(from_recipes()))
ON = pytest.mark.parametrize("service", SERVICES)


def _told(report: CaseReport) -> str:
    return "\n".join(case_lines(report))


def _unmet(report: CaseReport) -> None:
    """See that a client that could not be shown the certificate is told what it does not offer.

    That is how to refuse what has to be refused; and nothing is known of how it would deal with the rest.
    """
    refused = report.subject.expectation is Expectation.REJECT
    assert report.verdict.outcome is (Outcome.PASS if refused else Outcome.NOT_OFFERED), _told(report)
    assert report.verdict.reason.startswith("the client offers nothing for a chain with ")
    failed = [event for session in report.trace.sessions for event in session.events if isinstance(event, TlsFailed)]
    assert failed
    assert all(re.match("no shared cipher|no suitable signature algorithm", event.reason) for event in failed)


@ON
@ALL
def test_strict(scenario: Scenario, service: str, forged: Forged) -> None:
    """A client that verifies as OpenSSL does passes, unless OpenSSL is known to be wrong."""
    report = forged.report(STRICT.name, scenario, service)
    if scenario.id in NOT_OFFERED_STRICTLY:
        _unmet(report)
        return
    if scenario.id in UNASKED:
        assert report.verdict.outcome is Outcome.NOT_OFFERED, _told(report)
        return
    right = Outcome.FAIL if scenario.id in OPENSSL_ACCEPTS.keys() - UNPROVED.keys() else Outcome.PASS
    assert report.verdict.outcome is right, _told(report)


@ON
@ALL
def test_gullible(scenario: Scenario, service: str, forged: Forged) -> None:
    """A client that verifies nothing, nor reads anything, fails where it has to reject, and nowhere else."""
    report = forged.report(GULLIBLE.name, scenario, service)
    if scenario.id in NOT_OFFERED:
        _unmet(report)
        return
    rejected = scenario.expectation is Expectation.REJECT
    assert report.verdict.outcome is (Outcome.FAIL if rejected else Outcome.PASS), _told(report)
    assert not any(isinstance(event, InternalFault) for session in report.trace.sessions for event in session.events)
    severities = {finding.severity for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
    assert severities == ({scenario.severity} if rejected else set())
    broken = {finding.rule for finding in report.verdict.findings if finding.outcome is Outcome.FAIL}
    assert broken == ({"rejects-certificate"} if rejected else set())


def test_every_recipe() -> None:
    """Each recipe is a scenario under its own id."""
    assert set(from_recipes()) == set(all_recipes())


def test_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario that is no recipe's is found without reading any; neither is one read for an id that is none."""
    asked: list[str] = []

    def no_recipes() -> dict[str, ChainSpec]:
        asked.append("recipes")
        return {}

    monkeypatch.setattr("labserver.catalogue.forged.all_recipes", no_recipes)
    catalogue = shipped_catalogue()
    assert catalogue["good"] == CATALOGUE["good"]
    assert "nonesuch" not in catalogue
    assert "expired" in catalogue
    assert len(catalogue) == len(CATALOGUE)
    assert asked == []
    with pytest.raises(KeyError):
        catalogue["expired"]
    assert asked == ["recipes"]
