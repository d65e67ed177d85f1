"""Known-good servers: the controls."""

from __future__ import annotations

from labserver.facets.bundle import Facets
from labserver.scenario import Expectation, Scenario, Severity

__all__ = ["SCENARIOS"]

SCENARIOS = (
    Scenario(
        id="good",
        title="The known-good lab",
        group="good",
        does="Everything is as it should be.",
        expects="It works with the server, its credentials only inside verified TLS.",
        expectation=Expectation.ACCEPT,
        severity=Severity.NONE,
        references=("RFC 8314 3", "RFC 9325"),
        facets=Facets(),
        rules=("gets-through",),
    ),
    Scenario(
        id="good-trustme",
        title="A good certificate of another CA",
        group="good",
        does="It presents a certificate made by trustme, an independent implementation, under trustme's own CA.",
        expects="It works with the server when it trusts that CA.",
        expectation=Expectation.ACCEPT,
        severity=Severity.NONE,
        references=("RFC 5280 6", "RFC 9525 6.3"),
        certificate="good-trustme",
        own_anchor=True,
        rules=("gets-through",),
    ),
)
