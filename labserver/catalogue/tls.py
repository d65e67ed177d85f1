"""Handshakes that no client may finish, or wait for without end."""

from __future__ import annotations

from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.kinds.tls import TlsStalled, TlsVersion
from labserver.scenario import Expectation, Scenario, Severity

__all__ = ["SCENARIOS"]

SCENARIOS = (
    Scenario(
        id="tls-v1-0",
        title="TLS 1.0 only",
        group="tls",
        does="It speaks no version of TLS but 1.0.",
        expects="It refuses the handshake (protocol_version) and does not go on without TLS.",
        expectation=Expectation.REJECT,
        severity=Severity.HIGH,
        references=("RFC 8996", "RFC 9325 3.1.1", "RFC 8314 4.1", "badssl: tls-v1-0"),
        chain=Chain([TlsVersion(version="TLSv1")]),
        rules=("rejects-handshake",),
    ),
    Scenario(
        id="handshake-stall",
        title="Handshake without an answer",
        group="tls",
        does="It takes the ClientHello and never answers it.",
        expects="It gives up within a reasonable time and does not go on without TLS.",
        expectation=Expectation.REJECT,
        severity=Severity.MEDIUM,
        references=("CVE-2011-1947", "RFC 5321 4.5.3.2"),
        rows=("U10",),
        chain=Chain([TlsStalled()]),
        rules=("gives-up-in-time",),
    ),
)
