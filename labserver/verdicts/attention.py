"""Rules about whether a client heeds what the server has told it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver import events
from labserver.verdicts.deeds import attempts
from labserver.verdicts.finding import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.verdicts.finding import Inquiry
    from labserver.verdicts.trace import Evidence, Session

__all__ = [
    "login_where_disabled",
    "mail_sent_unasked",
    "mechanism_not_offered",
    "refused_mail_repeated",
    "stale_uid_used",
]

_LOOKS = frozenset({"FETCH", "UID FETCH", "SEARCH", "UID SEARCH", "SORT", "UID SORT", "THREAD", "UID THREAD"})
"""Commands by which a client learns UIDs."""
_CHANGES = frozenset({"UID STORE", "UID EXPUNGE", "UID COPY", "UID MOVE"})
"""Commands that do something to the messages with some UIDs."""


def mail_sent_unasked(inquiry: Inquiry) -> Iterator[Breach]:
    """Find a message that was sent although the server had not asked for it, so that its lines arrived as commands."""
    for session in inquiry.trace.sessions:
        handing_over = refused = ""
        answers = 0
        """Commands that were answered since the client last said something: a refused literal's comes before it."""
        for index, event in enumerate(session.events):
            match event:
                case events.CommandReceived(verb="") if refused:
                    yield Breach(
                        what=f"sent the message, though {refused} was not answered with a request for it",
                        evidence=session.evidence(index),
                    )
                    return
                case events.CommandReceived(verb=verb):
                    handing_over = verb if verb == "DATA" else ""
                    refused = verb if verb == "APPEND" and answers > 1 else ""
                    answers = 0
                case events.LineReceived() | events.DataReceived():
                    answers = 0
                case events.ReplySent(kind="continuation"):
                    handing_over, answers = "", 0
                case events.ReplySent(kind="completion"):
                    answers += 1
                    refused = refused or handing_over


def refused_mail_repeated(inquiry: Inquiry) -> Iterator[Breach]:
    """Find mail that was refused for good, which is the fault, and is sent once more, octet for octet."""
    refused: set[tuple[bytes, int]] = set()
    for session in inquiry.trace.sessions:
        last: tuple[bytes, int] | None = None
        for index, event in enumerate(session.events):
            match event:
                case events.DataReceived(data=data, size=size) if (data, size) in refused:
                    yield Breach(
                        what="sent mail again that had been refused for good", evidence=session.evidence(index)
                    )
                    return
                case events.DataReceived(data=data, size=size):
                    last = data, size
                case events.CommandReceived():
                    last = None
                case events.Misbehaved() if last is not None:
                    refused.add(last)


def stale_uid_used(inquiry: Inquiry) -> Iterator[Breach]:
    """Find that messages were changed by UIDs from before UIDVALIDITY changed, which may be other messages by now."""
    for session in inquiry.trace.afflicted("uidvalidity"):
        found = _first_use(session, session.misbehaviour("uidvalidity") or 0)
        if found is not None:
            yield Breach(what="changed messages by UIDs from before UIDVALIDITY changed", evidence=found)


def _first_use(session: Session, start: int) -> Evidence | None:
    """Return the command that changes messages by UID before any by which the client has learnt the new ones."""
    for index in range(start, len(session.events)):
        event = session.events[index]
        if isinstance(event, events.CommandReceived):
            if event.verb in _LOOKS:
                return None
            if event.verb in _CHANGES:
                return session.evidence(index)
    return None


def mechanism_not_offered(inquiry: Inquiry) -> Iterator[Breach]:
    """Find attempts to authenticate inside TLS in another way than those that are offered there."""
    offered = inquiry.subject.mechanisms
    for session in inquiry.trace.afflicted():
        for evidence, mechanism, secure in attempts(session):
            if secure and offered and mechanism not in offered:
                yield Breach(what=f"used {mechanism}, which is not offered inside TLS", evidence=evidence)
                break


def login_where_disabled(inquiry: Inquiry) -> Iterator[Breach]:
    """Find LOGIN inside TLS behind capabilities that forbid it."""
    for session in inquiry.trace.afflicted():
        for index in range(session.misbehaviour() or 0, len(session.events)):
            match session.events[index]:
                case events.CommandReceived(verb="LOGIN", secure=True):
                    yield Breach(what="sent LOGIN, though LOGINDISABLED was listed", evidence=session.evidence(index))
                    return
