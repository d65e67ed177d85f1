"""Authentication: offered too early, refused, or with a server that cannot prove itself."""

from __future__ import annotations

from labserver.facets.authentication import EveryoneRejected, ProofSpoiled
from labserver.facets.bundle import Facets
from labserver.scenario import EXPLICIT_TLS, Expectation, Scenario, Severity

__all__ = ["SCENARIOS"]

SCENARIOS = (
    Scenario(
        id="auth-advertised-before-tls",
        title="Authentication offered before TLS",
        group="authentication",
        does="It offers authentication in clear beside STARTTLS.",
        expects="It starts TLS first and authenticates only inside it.",
        expectation=Expectation.ACCEPT,
        severity=Severity.CRITICAL,
        references=("RFC 8314 5.2", "RFC 4954 4", "RFC 2595 2.3"),
        rows=("A01", "C05"),
        services=EXPLICIT_TLS,
        facets=Facets(permissive=True),
        rules=("upgrades-first",),
    ),
    Scenario(
        id="auth-rejected",
        title="Right credentials refused",
        group="authentication",
        does="It refuses right credentials: 535 5.7.8, NO [AUTHENTICATIONFAILED], -ERR [AUTH].",
        expects="It stops, and does not try again in a weaker way.",
        expectation=Expectation.REJECT,
        severity=Severity.MEDIUM,
        references=("RFC 4954 6", "RFC 5530 3", "RFC 3206 4"),
        rows=("A08",),
        facets=Facets(authentication=EveryoneRejected()),
        rules=("no-weaker-retry",),
    ),
    Scenario(
        id="scram-bad-server-signature",
        title="SCRAM with a wrong server signature",
        group="authentication",
        does="It offers SCRAM only, sends a wrong server signature at its end and claims success all the same.",
        expects="It notices that the server does not know its password, and does not go on.",
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=("RFC 5802 5", "RFC 7677 3"),
        rows=("A22",),
        facets=Facets(authentication=ProofSpoiled()),
        rules=("no-proceeding-after-wrong-proof",),
    ),
)
