"""Rules about TLS itself: who the server is, how it speaks TLS, and what came before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver import events
from labserver.scenario import Severity
from labserver.verdicts.canary import Exposure
from labserver.verdicts.deeds import looks
from labserver.verdicts.finding import Breach, Outcome, Revocation
from labserver.verdicts.trace import FAREWELLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Evidence, Session, Trace

__all__ = ["HANDSHAKE", "certificate_accepted", "handshake_accepted", "plaintext_believed"]

_TOLD_OF_REVOCATION = {
    "revoked": frozenset({Revocation.SOFT, Revocation.HARD}),
    "unknown": frozenset({Revocation.HARD}),
}
"""Under which instructions a client has to refuse."""
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
    """Find use made of TLS behind the bad certificate; how bad that is depends on what is wrong with it."""
    most = _most(inquiry)
    for breach in _used(inquiry, "certificate", "certificate"):
        outcome = min(breach.outcome, most, key=lambda one: one.rank)
        disputed = f"; disputed: {inquiry.subject.disputed}" if outcome is Outcome.WARN is not breach.outcome else ""
        severity = breach.severity or inquiry.subject.severity
        yield replace(breach, what=f"{breach.what}{disputed}", severity=severity, outcome=outcome)


def _most(inquiry: Inquiry) -> Outcome:
    """Return the worst that it can be to accept the certificate.

    Whether to look for revocation is the client's user's to say, and correct clients differ about some certificates.
    """
    terms, subject = inquiry.context.terms, inquiry.subject
    told = _TOLD_OF_REVOCATION.get(subject.revocation)
    if told is not None and terms.revocation not in told:
        return Outcome.INFO
    return Outcome.WARN if subject.disputed and not terms.disputed_fails else Outcome.FAIL


def handshake_accepted(inquiry: Inquiry) -> Iterator[Breach]:
    """Find use made of TLS that should not have come about."""
    yield from _used(inquiry, "handshake", *HANDSHAKE)


def _used(inquiry: Inquiry, what: str, *facets: str) -> Iterator[Breach]:
    """Find use made of TLS: a finished handshake proves nothing, and a mere goodbye is a refusal.

    Use is credentials, mail, or a command that needs a login. A client that only asks what the server can do, and then
    leaves, has looked too late.
    """
    for session in inquiry.trace.afflicted(*facets):
        spoken = list(session.spoken(secure=True))
        used = next((evidence for evidence, event in spoken if not looks(event)), None)
        if used is not None:
            evidence, sent = _sent(session, used)
            yield Breach(what=f"accepted the {what} and {sent}", evidence=evidence)
        elif spoken:
            evidence, event = spoken[-1]
            verb = event.verb if isinstance(event, events.CommandReceived) else ""
            yield Breach(
                what=f"looked at the {what} only after {verb or 'it had said something'}",
                evidence=evidence,
                severity=Severity.LOW,
                outcome=Outcome.WARN,
            )


def _sent(session: Session, used: Evidence) -> tuple[Evidence, str]:
    """Return the worst that was sent inside TLS, and where; ``used`` is the first that was sent at all."""
    seen = [sighting for sighting in session.sightings if sighting.secure]
    worst = max(seen, key=lambda sighting: (sighting.exposure, -sighting.index), default=None)
    if worst is not None and worst.exposure is Exposure.PASSWORD:
        return session.evidence(worst.index), "sent the password"
    if worst is not None and worst.exposure is Exposure.DIGEST:
        return session.evidence(worst.index), "sent a digest of the password"
    event = used.event
    if isinstance(event, events.DataReceived):
        return used, "sent mail"
    verb = event.verb if isinstance(event, events.CommandReceived) else ""
    return used, f"went on with {verb}" if verb else "went on"


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
