"""Rules about TLS itself: who the server is, how it speaks TLS, and what came before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver import events
from labserver.verdicts.canary import Exposure
from labserver.verdicts.finding import Breach, Outcome
from labserver.verdicts.trace import FAREWELLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Evidence, Session, Trace

__all__ = ["HANDSHAKE", "certificate_accepted", "handshake_accepted", "plaintext_believed"]

HANDSHAKE = (
    "tls-alpn",
    "tls-client-certificate",
    "tls-groups",
    "tls-signatures",
    "tls-suites",
    "tls-version",
)
"""What events call the faults of a handshake that comes to an end."""


def certificate_accepted(inquiry: Inquiry) -> Iterator[Breach]:
    """Find application data inside TLS behind the bad certificate; how bad that is depends on what is wrong with it."""
    for breach in _used(inquiry, "accepted the certificate", "certificate"):
        yield replace(breach, severity=inquiry.scenario.severity)


def handshake_accepted(inquiry: Inquiry) -> Iterator[Breach]:
    """Find application data inside TLS that should not have come about."""
    yield from _used(inquiry, "accepted the handshake", *HANDSHAKE)


def _used(inquiry: Inquiry, accepted: str, *facets: str) -> Iterator[Breach]:
    """Find use made of TLS: a finished handshake proves nothing, and a mere goodbye is a refusal."""
    for session in inquiry.trace.afflicted(*facets):
        used = next((evidence for evidence, _ in session.spoken(secure=True)), None)
        if used is not None:
            yield Breach(what=f"{accepted} and {_sent(session)}", evidence=used)


def _sent(session: Session) -> str:
    worst = max((sighting.exposure for sighting in session.sightings), default=None)
    match worst:
        case Exposure.PASSWORD:
            return "sent the password"
        case Exposure.DIGEST:
            return "sent a digest of the password"
        case _:
            return "went on"


def plaintext_believed(inquiry: Inquiry) -> Iterator[Breach]:
    """Ask the withhold oracle.

    Inside TLS the server keeps silent for a while. A client that speaks twice has taken the answer to its first
    command from the octets that came before TLS; unless it never waits for answers, which its control run shows.
    """
    second = next(_unprompted(inquiry.trace, "injection"), None)
    if second is None:
        return
    control = inquiry.context.control
    if control is None or not any(next(session.each(events.TlsEstablished), None) for session in control.sessions):
        yield Breach(
            what="went on without an answer, but there is no control run to compare with",
            evidence=second,
            outcome=Outcome.INCONCLUSIVE,
        )
    elif next(_unprompted(control), None) is not None:
        yield Breach(
            what="never waits for the answer to its first command inside TLS, so its haste proves nothing",
            evidence=second,
            outcome=Outcome.INCONCLUSIVE,
        )
    else:
        yield Breach(what="took what came before TLS for the answer to its first command inside TLS", evidence=second)


def _unprompted(trace: Trace, facet: str = "") -> Iterator[Evidence]:
    """Yield what was said second inside TLS where the server had not said anything there yet."""
    for session in trace.afflicted(facet) if facet else trace.sessions:
        said = 0
        for index, event in enumerate(session.events):
            if isinstance(event, events.ReplySent) and event.secure:
                break
            if isinstance(event, events.CommandReceived) and event.verb in FAREWELLS:
                continue
            if isinstance(event, events.CommandReceived | events.LineReceived | events.DataReceived) and event.secure:
                said += 1
                if said == 2:  # noqa: PLR2004 -- the first is what it may say unasked
                    yield session.evidence(index)
                    break
