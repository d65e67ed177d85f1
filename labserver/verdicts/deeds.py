"""What a client did with a session: it looked, it authenticated, it used it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver import events
from labserver.mechanisms import known_mechanism

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.verdicts.trace import Evidence, Session, Spoken

__all__ = ["AUTHENTICATION", "DISCOVERY", "HARMLESS", "attempts", "discovers", "looks"]

DISCOVERY = frozenset(
    {"EHLO", "HELO", "LHLO", "CAPABILITY", "CAPA", "NOOP", "RSET", "STARTTLS", "STLS", "QUIT", "LOGOUT"}
)
"""What a client says to find out what the server can do, to start TLS, and to leave."""
HARMLESS = frozenset({"ID", "HELP"})
"""Neither discovery nor anybody's business: ID tells the eavesdropper which client to attack (RFC 2971 4)."""
AUTHENTICATION = frozenset({"AUTH", "AUTHENTICATE", "LOGIN", "USER", "PASS", "APOP"})
"""The commands that begin to log in, or do."""
_MECHANISM = re.compile(rb"(?:\S+ +)?AUTH(?:ENTICATE)? +(\S+)", re.IGNORECASE)


def discovers(command: events.CommandReceived) -> bool:
    """Return whether a command asks what the server can do.

    A bare AUTH lists mechanisms (RFC 5034 4), and an empty line does nothing.
    """
    words = command.data.split()
    return command.verb in DISCOVERY or not words or (command.verb == "AUTH" and len(words) == 1)


def looks(spoken: Spoken) -> bool:
    """Return whether something said uses nothing of the session.

    It does neither hand over credentials or mail nor ask for what needs a login.
    """
    return isinstance(spoken, events.CommandReceived) and (spoken.verb in HARMLESS or discovers(spoken))


def attempts(session: Session) -> Iterator[tuple[Evidence, str, bool]]:
    """Yield each attempt to authenticate: the event, its mechanism and whether it was inside TLS."""
    for evidence in session.each(events.CommandReceived):
        event = evidence.event
        if not isinstance(event, events.CommandReceived) or discovers(event):
            continue
        named = _MECHANISM.match(event.data)
        if named is not None:
            mechanism = known_mechanism(named.group(1).decode("ascii", "replace"))
            yield evidence, mechanism or "an unknown mechanism", event.secure
        elif event.verb in ("LOGIN", "USER", "APOP"):
            yield evidence, event.verb, event.secure
