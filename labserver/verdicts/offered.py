"""What a client does not offer, so that a case cannot reach it: told by its own octets, never by its silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver import events
from labserver.scenario import Expectation
from labserver.verdicts.deeds import attempts
from labserver.verdicts.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Session, Trace

__all__ = ["Absence", "absence"]

_NEGOTIATION = (
    "handshake_failure",
    "insufficient_security",
    "no shared ",
    "no suitable ",
    "protocol_version",
    "unsupported protocol",
    "version too low",
)
"""How the reasons begin for which a TLS library ends a handshake because the two sides have nothing in common."""


_CURVES = {"p192": "secp192r1", "p224": "secp224r1", "p384": "secp384r1", "p521": "secp521r1"}
"""IANA's names of curves that recipes call otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What is not offered."""

    what: str
    """What the client offered and did, as a sentence without its full stop."""
    refuses: bool = False
    """Not to offer it is how a correct client refuses it."""


def absence(inquiry: Inquiry) -> Absence | None:
    """Return what the client does not offer and the case is about; None if it met it, or if nothing proves that."""
    if inquiry.subject.honest:
        return None  # there is nothing to meet
    met = any(inquiry.trace.afflicted())
    negotiated = _nothing_in_common(inquiry)
    if negotiated is not None and not (met and inquiry.subject.expectation is Expectation.REJECT):
        return negotiated
    if met:
        return None
    return _told_no_tls(inquiry) or _not_asked(inquiry) or _other_mechanism(inquiry)


def _hello(session: Session) -> events.ClientHelloReceived | None:
    found = next(session.each(events.ClientHelloReceived), None)
    return found.event if found is not None and isinstance(found.event, events.ClientHelloReceived) else None


def _nothing_in_common(inquiry: Inquiry) -> Absence | None:
    """Tell that every handshake ended because the ClientHello has nothing that the server could use."""
    hellos = [(session, hello) for session in inquiry.trace.sessions if (hello := _hello(session)) is not None]
    reasons = [_refusal(session) for session, _ in hellos]
    if not hellos or not all(reasons):
        return None
    hello = hellos[-1][1]
    kinds = [_CURVES.get(kind, kind) for kind in inquiry.subject.keys]
    keys = f" for a chain with {', '.join(kinds)}" if kinds else " that the server has"
    suites = "" if kinds else f"{_listed('cipher suites', hello.suites)}, "
    what = (
        f"the client offers nothing{keys}: its ClientHello has {_listed('versions', hello.versions)}, {suites}"
        f"{_listed('groups', hello.groups)} and {_listed('signature schemes', hello.signatures)}; "
        f"the handshake ended ({reasons[-1]})"
    )
    return Absence(what=what, refuses=inquiry.subject.expectation is Expectation.REJECT)


def _refusal(session: Session) -> str:
    """Return the reason for which the server ended the handshake, if it was that; else nothing."""
    for evidence in session.each(events.TlsFailed):
        event = evidence.event
        if (
            isinstance(event, events.TlsFailed)
            and event.during_handshake
            and not event.alert
            and event.reason.startswith(_NEGOTIATION)
        ):
            return event.reason
    return ""


def _told_no_tls(inquiry: Inquiry) -> Absence | None:
    """Tell that the client did its work without TLS, as it was told to, where the case is met only with TLS."""
    sessions = inquiry.trace.sessions
    if inquiry.policy is not Policy.PLAINTEXT or any(next(one.each(events.TlsStarted), None) for one in sessions):
        return None
    did = _did(inquiry.trace)
    return Absence(what=f"the client was told to use no TLS, and {did} without it") if did in _WORK else None


def _not_asked(inquiry: Inquiry) -> Absence | None:
    """Tell that no ClientHello has the extension that asks for what the case is about."""
    asked = inquiry.subject.asked
    hellos = [hello for session in inquiry.trace.sessions if (hello := _hello(session)) is not None]
    if not asked or not hellos or any(asked in hello.extensions for hello in hellos):
        return None
    extensions = _listed("extensions", hellos[-1].extensions)
    return Absence(
        what=f"the client does not ask for it ({asked}): its ClientHello has {extensions}; {_did(inquiry.trace)}"
    )


def _other_mechanism(inquiry: Inquiry) -> Absence | None:
    """Tell that the client prefers another mechanism where there is one, and ends where there is none."""
    wanted, good = set(inquiry.subject.mechanisms), inquiry.context.good
    if not wanted or good is None:
        return None
    listed = {name for session in good.sessions for name in _mechanisms(session)} & wanted
    chosen = [mechanism for session in good.sessions for _, mechanism, _ in attempts(session)]
    read = [session for session in inquiry.trace.sessions if _mechanisms(session)]
    tried = [mechanism for session in inquiry.trace.sessions for _, mechanism, _ in attempts(session)]
    if not listed or not chosen or wanted & set(chosen) or not read or tried or not all(one.left for one in read):
        return None
    offered = ", ".join(dict.fromkeys(name for session in read for name in _mechanisms(session)))
    return Absence(
        what=f"the client chooses {chosen[-1]} where {', '.join(sorted(listed))} is offered, too; "
        f"where it was offered {offered} only, it read the list and ended"
    )


def _mechanisms(session: Session) -> Sequence[str]:
    lists = (evidence.event for evidence in session.each(events.MechanismsListed))
    return [name for event in lists if isinstance(event, events.MechanismsListed) for name in event.mechanisms]


_WORK = ("it sent mail", "it logged in")


def _did(trace: Trace) -> str:
    for session in trace.sessions:
        if next(session.each(events.DataReceived), None) is not None:
            return _WORK[0]
        if next(session.each(events.AuthenticationSucceeded), None) is not None:
            return _WORK[1]
    return "it ended the connection" if all(session.left for session in trace.sessions) else "it waited"


def _listed(what: str, names: Sequence[str]) -> str:
    return f"the {what} {', '.join(names)}" if names else f"no {what}"
