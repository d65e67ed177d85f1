"""What a case is about, as far as its verdict depends on it: a scenario without its server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.scenario import Expectation, Scenario, Severity
    from labserver.services import Service

__all__ = ["CONTROL", "Subject", "subject_of"]

CONTROL = "good"
"""The scenario that a client has to get through before it passes any other."""


_ASKED = {"tls-alpn": "application_layer_protocol_negotiation"}
"""The TLS extension that asks for what a kind of misbehaviour answers wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A scenario to the judge; it is part of a report, so that the report can be judged again without the catalogue."""

    id: str
    expectation: Expectation
    severity: Severity
    rules: tuple[str, ...] = ()
    """Those that decide besides those that always hold."""
    services: tuple[str, ...] = ()
    """Where it is available."""
    honest: bool = False
    """Nothing ever misbehaves, so that any session reaches what it is about."""
    asked: str = ""
    """The TLS extension without which a client has not met it, by its IANA name."""
    keys: tuple[str, ...] = ()
    """The kinds of key and signature in its chain, for which a client may have nothing; empty for the lab's own."""
    mechanisms: tuple[str, ...] = ()
    """The only SASL mechanisms that are offered; empty for the lab's own."""
    revocation: str = ""
    """``revoked`` where a client can learn that the certificate is, ``unknown`` where it can learn nothing."""
    disputed: str = ""
    """Why correct clients differ, with versions and a date; empty where they do not."""

    @property
    def is_control(self) -> bool:
        """Whether it is the known-good server."""
        return self.id == CONTROL

    def on(self, service: Service) -> bool:
        """Return whether it is available on a service."""
        return service.name in self.services


def subject_of(scenario: Scenario) -> Subject:
    """Return what a scenario is to the judge."""
    return Subject(
        id=scenario.id,
        expectation=scenario.expectation,
        severity=scenario.severity,
        rules=scenario.rules,
        services=scenario.services,
        honest=scenario.honest,
        asked=scenario.asked or next((_ASKED[link.kind] for link in scenario.chain.links if link.kind in _ASKED), ""),
        keys=scenario.keys,
        mechanisms=scenario.server.mechanisms,
        revocation=scenario.revocation,
        disputed=scenario.disputed,
    )
