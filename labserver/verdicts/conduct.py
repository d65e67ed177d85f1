"""Rules about how a client goes on, or ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver import events
from labserver.scenario import Severity
from labserver.verdicts.finding import Breach, Outcome
from labserver.verdicts.policy import TLS_REQUIRED
from labserver.verdicts.trace import FAREWELLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Evidence, Session

__all__ = ["hung", "stalled", "stopped_short", "tolerated", "went_on", "wrong_proof_believed"]


def stopped_short(inquiry: Inquiry) -> Iterator[Breach]:
    """Find that the client neither logged in nor handed over mail, inside TLS where TLS is required.

    If it never connected nothing is found: that may be the command's fault, and no octet shows whose it is.
    """
    if not inquiry.trace.sessions:
        return
    secured = inquiry.policy in TLS_REQUIRED
    for session in inquiry.trace.sessions:
        for evidence in session.each(events.AuthenticationSucceeded, events.DataReceived):
            event = evidence.event
            if isinstance(event, events.AuthenticationSucceeded | events.DataReceived) and (
                event.secure or not secured
            ):
                return
    refused = [evidence for session in inquiry.trace.sessions for evidence in session.each(events.AuthenticationFailed)]
    yield Breach(
        what=f"neither logged in nor sent mail{_explained(refused)}",
        evidence=refused[-1] if refused else inquiry.trace.last,
    )


def _explained(refused: Sequence[Evidence]) -> str:
    """Name the mechanism that failed last, and the remedy if one is known."""
    event = refused[-1].event if refused else None
    if not isinstance(event, events.AuthenticationFailed):
        return ""
    remedy = f"; {event.remedy}" if event.remedy else ""
    return f" ({event.mechanism} failed: {event.reason}{remedy})"


def stalled(inquiry: Inquiry) -> Iterator[Breach]:
    """Find handshakes without an answer in which the client was still waiting at the end."""
    for session in inquiry.trace.afflicted("tls-stalled"):
        if not session.left:
            last = session.last.event
            seconds = last.at if isinstance(last, events.Disconnected) else inquiry.context.seconds
            yield _waited(inquiry, f"still waited for the handshake after {seconds:.0f} seconds", session.last, seconds)


def hung(inquiry: Inquiry) -> Iterator[Breach]:
    """Find that the client did not end in time, although it does on a good server and nothing else judges that.

    One that the fault never reached did not hang because of it.
    """
    judged = "gives-up-in-time" in inquiry.subject.rules
    met = inquiry.trace.sessions if inquiry.subject.honest else tuple(inquiry.trace.afflicted())
    if inquiry.context.timed_out and met and not inquiry.context.endless and not judged:
        seconds = inquiry.context.seconds
        yield _waited(inquiry, f"still ran after {seconds:g} seconds", inquiry.trace.last, seconds)


def _waited(inquiry: Inquiry, what: str, evidence: Evidence | None, seconds: float) -> Breach:
    """Return what to say of a client that waits: how long that is too long, its authors may see otherwise."""
    if seconds >= inquiry.context.terms.bound:
        return Breach(what=what, evidence=evidence)
    return Breach(what=what, evidence=evidence, severity=Severity.LOW, outcome=Outcome.WARN)


def tolerated(inquiry: Inquiry) -> Iterator[Breach]:
    """Find where the client was understood only because the server is lenient. Others take it too: no failure."""
    found: dict[str, Evidence] = {}
    for session in inquiry.trace.sessions:
        for evidence in session.each(events.Tolerated):
            if isinstance(evidence.event, events.Tolerated):
                found.setdefault(evidence.event.what, evidence)
    if found:
        yield Breach(what=f"sent {'; '.join(found)}", evidence=next(iter(found.values())), outcome=Outcome.INFO)


def went_on(inquiry: Inquiry) -> Iterator[Breach]:
    """Find what the client said behind the fault; not its goodbye, nor that it cancels an authentication.

    What came in one segment with a word from before the fault was on its way already: a pipeline.
    """
    for session in inquiry.trace.afflicted():
        start = session.misbehaviour() or 0
        heard = next((one.index for one in session.each(events.RawReceived) if one.index > start), None)
        spoken = [*session.spoken(secure=False), *session.spoken(secure=True)]
        for evidence, event in sorted(spoken, key=lambda one: one[0].index):
            cancels = isinstance(event, events.LineReceived) and event.data.strip() == b"*"  # RFC 4954 4
            if heard is not None and evidence.index > heard and not cancels:
                verb = event.verb if isinstance(event, events.CommandReceived) else ""
                yield Breach(what=f"went on{f' with {verb}' if verb else ''}", evidence=evidence)
                break


def wrong_proof_believed(inquiry: Inquiry) -> Iterator[Breach]:
    """Find what was said after the server failed to prove that it knows the password."""
    for session in inquiry.trace.afflicted():
        yield from _after_wrong_proof(session)


def _after_wrong_proof(session: Session) -> Iterator[Breach]:
    start = session.misbehaviour() or 0
    told = _success_told(session, start)
    believed = told
    for index in range(start, len(session.events)):
        event = session.events[index]
        if isinstance(event, events.AuthenticationSucceeded) and believed is None:
            believed = session.evidence(index)
        elif isinstance(event, events.CommandReceived | events.DataReceived) and believed is not None:
            goodbye = isinstance(event, events.CommandReceived) and event.verb in FAREWELLS
            if not goodbye:
                yield Breach(
                    what="went on after the server had failed to prove that it knows the password",
                    evidence=session.evidence(index),
                )
                return
    if believed is not None and told is None:
        yield Breach(
            what="confirmed the wrong proof, and then did nothing",
            evidence=believed,
            severity=Severity.MEDIUM,
            outcome=Outcome.WARN,
        )


def _success_told(session: Session, start: int) -> Evidence | None:
    """Return where success was claimed without a proof that the client could have looked at, which it did not confirm.

    The login is over then, or never began, when the fault happens.
    """
    event = session.events[start] if session.events else None
    if isinstance(event, events.Misbehaved) and event.facet == "login-unasked":
        return session.evidence(start)
    for index in range(start - 1, -1, -1):
        match session.events[index]:
            case events.AuthenticationSucceeded():
                return session.evidence(index)
            case events.CommandReceived() | events.LineReceived():
                return None
    return None
