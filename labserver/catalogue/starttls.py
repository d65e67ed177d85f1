"""STARTTLS missing, refused, overwritten, or with something slipped in behind it."""

from __future__ import annotations

from labserver.facets.bundle import Facets
from labserver.facets.capabilities import UpgradeHidden, UpgradeRenamed
from labserver.facets.greeting import Preauthenticated
from labserver.facets.injection import RepliesInjected
from labserver.facets.oracle import RepliesWithheld
from labserver.facets.upgrade import UpgradeRefused, UpgradeUnknown
from labserver.scenario import EXPLICIT_TLS, IMAP_EXPLICIT_TLS, Expectation, Scenario, Severity

__all__ = ["SCENARIOS"]

_STOPS = "Told to use TLS, it stops there, and sends neither credentials nor mail in clear."

SCENARIOS = (
    Scenario(
        id="starttls-stripped",
        title="STARTTLS not offered",
        group="starttls",
        does="It neither advertises STARTTLS nor knows the command, and takes credentials in clear.",
        expects=_STOPS,
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=("RFC 3207 6", "RFC 2595 2.3", "RFC 8314 5.2", "CVE-2017-15042", "EAST: Negotiation/O_1"),
        rows=("C01",),
        services=EXPLICIT_TLS,
        facets=Facets(capabilities=UpgradeHidden(), upgrade=UpgradeUnknown(), permissive=True),
    ),
    Scenario(
        id="starttls-refused",
        title="STARTTLS refused",
        group="starttls",
        does="It advertises STARTTLS, then refuses it (454, NO, -ERR), and takes credentials in clear.",
        expects=_STOPS,
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=(
            "RFC 3207 4",
            "CVE-2016-0772",
            "EAST: imap/Negotiation/O_2, pop3/Negotiation/O_2, smtp/Negotiation/O_3",
        ),
        rows=("U01",),
        services=EXPLICIT_TLS,
        facets=Facets(upgrade=UpgradeRefused(), permissive=True),
    ),
    Scenario(
        id="starttls-keyword-rewritten",
        title="STARTTLS overwritten",
        group="starttls",
        does="It advertises XXXXXXXA where STARTTLS was, as some middleboxes do, and takes credentials in clear.",
        expects=_STOPS,
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=("Durumeric et al., IMC 2015, 5.1", "RFC 3207 6"),
        rows=("C03",),
        services=EXPLICIT_TLS,
        facets=Facets(capabilities=UpgradeRenamed(name="XXXXXXXA"), upgrade=UpgradeUnknown(), permissive=True),
    ),
    Scenario(
        id="response-injection",
        title="Replies injected before TLS",
        group="starttls",
        does="Behind the reply that starts TLS it sends, still in clear, the answer to the next command.",
        expects="It discards what came before TLS, and waits inside TLS for the real answer.",
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=(
            "RFC 3207 6",
            "RFC 9051 6.2.1",
            "CVE-2021-22947",
            "CVE-2020-15685",
            "CVE-2020-14954",
            "Poddebniak et al., USENIX Security 2021",
            "EAST: Buffering/B_1",
        ),
        rows=("I01", "I02", "I03"),
        services=EXPLICIT_TLS,
        facets=Facets(injection=RepliesInjected(), oracle=RepliesWithheld()),
        rules=("discards-what-came-before-tls",),
        control=Facets(oracle=RepliesWithheld()),
    ),
    Scenario(
        id="imap-greeting-preauth",
        title="PREAUTH in clear",
        group="starttls",
        does="It greets with PREAUTH in clear, so that STARTTLS is no longer possible.",
        expects="Told to use TLS, it closes the connection at once.",
        expectation=Expectation.REJECT,
        severity=Severity.CRITICAL,
        references=(
            "RFC 9051 7.1.4",
            "CVE-2020-12398",
            "CVE-2020-14093",
            "CVE-2021-39272",
            "EAST: imap/Negotiation/P_1",
        ),
        rows=("G12",),
        services=IMAP_EXPLICIT_TLS,
        facets=Facets(greeting=Preauthenticated(), permissive=True),
        rules=("closes-on-preauth",),
    ),
)
