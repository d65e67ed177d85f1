"""Certificates that no client may accept."""

from __future__ import annotations

from labserver.facets.bundle import Facets
from labserver.facets.certificate import RecipeCertificate
from labserver.scenario import Expectation, Scenario, Severity

__all__ = ["SCENARIOS"]


def _rejected(name: str, *, title: str, does: str, references: tuple[str, ...]) -> Scenario:
    return Scenario(
        id=name,
        title=title,
        group="certificate",
        does=does,
        expects="It ends the connection at the handshake and sends nothing inside TLS.",
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=references,
        facets=Facets(certificate=RecipeCertificate(recipe=name)),
        rules=("rejects-certificate",),
    )


SCENARIOS = (
    _rejected(
        "self-signed",
        title="Self-signed certificate",
        does="It presents a certificate that nobody vouches for but itself.",
        references=("RFC 5280 6.1", "badssl: self-signed", "EAST: tls/self-signed"),
    ),
    _rejected(
        "expired",
        title="Expired certificate",
        does="It presents a certificate whose validity ended yesterday.",
        references=("RFC 5280 6.1.3 (a)(2)", "badssl: expired"),
    ),
    _rejected(
        "wrong-host",
        title="Certificate for another host",
        does="It presents a trusted certificate that names another host only.",
        references=("RFC 9525 6.3", "RFC 7817 3", "badssl: wrong.host"),
    ),
    _rejected(
        "untrusted-root",
        title="Certificate of an unknown CA",
        does="It presents a chain that leads to a root nobody trusts, and sends that root along.",
        references=("RFC 5280 6.1", "badssl: untrusted-root"),
    ),
)
