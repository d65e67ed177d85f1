"""Certificate scenarios as served: ``openssl s_client`` and ``gnutls-cli`` find the one fault, and nothing else.

s_client goes on after an error unless told otherwise, so it names every fault that a chain has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labserver.pki.recipe_files import all_recipes
from labserver.scenario import Expectation
from tests.ours import CATALOGUE
from tests.patience import eventually
from tests.scenarios.places import Way, gnutls_cli, place, places, s_client

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

pytestmark = pytest.mark.client

CERTIFICATES = [name for name, one in CATALOGUE.default.items() if not one.usual_certificate and not one.chain]
GOOD = [name for name in ("good", *CERTIFICATES) if CATALOGUE[name].expectation is Expectation.ACCEPT]
BAD = [name for name in CERTIFICATES if CATALOGUE[name].expectation is Expectation.REJECT]
SERVICES = ("smtp", "imaps", "pop3")
GNUTLS = {
    "self-signed": "The certificate issuer is unknown.",
    "expired": "The certificate chain uses expired certificate.",
    "wrong-host": "The name in the certificate does not match the expected.",
    "untrusted-root": "The certificate issuer is unknown.",
}
"""What GnuTLS calls each fault."""


def _errors(printed: str) -> set[int]:
    """Return the code of every error that s_client tells."""
    return {int(code) for code in re.findall(r"^verify error:num=(\d+):", printed, re.MULTILINE)}


@pytest.mark.parametrize(("scenario", "service", "way"), places(BAD, SERVICES))
def test_one_fault(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """The chain verifies for the name or address by which it was reached, but for its one fault."""
    where = place(stage, scenario, service, way)
    printed = s_client(where)
    spec = all_recipes()[scenario]
    by_address = spec.openssl if spec.address_openssl is None else spec.address_openssl
    assert _errors(printed) == {spec.openssl if where.name else by_address}, printed


@pytest.mark.parametrize(("scenario", "service", "way"), places(GOOD, SERVICES))
def test_no_fault(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """A good chain verifies, in every way to it."""
    printed = s_client(place(stage, scenario, service, way), "-verify_return_error")
    assert not _errors(printed)
    assert "Verify return code: 0 (ok)" in printed


@pytest.mark.parametrize(("scenario", "service", "way"), places(BAD, ("submissions", "imap")))
def test_gnutls(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """An independent implementation names the same fault in its own words, and ends the handshake with an alert."""
    printed = gnutls_cli(place(stage, scenario, service, way))
    assert re.findall(r"Status: (.*?) *$", printed, re.MULTILINE) == [
        f"The certificate is NOT trusted. {GNUTLS[scenario]}"
    ]
    assert "Fatal error: Error in the certificate" in printed


@pytest.mark.parametrize("way", Way)
def test_told(stage: LabProcess, way: Way) -> None:
    """The transcript says that the fault has reached a client, and that the client took note of it."""
    known = len(stage.events("TlsFailed"))
    s_client(place(stage, "expired", "imaps", way), "-verify_return_error")
    (failed,) = eventually(lambda: stage.events("TlsFailed")[known:])
    assert failed["alert"] == "certificate_expired"
    (misbehaved,) = (one for one in stage.events("Misbehaved") if one["session"] == failed["session"])
    assert (misbehaved["scenario"], misbehaved["facet"]) == ("expired", "certificate")
