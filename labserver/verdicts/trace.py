"""A trace: every session that a client opened during one case, each the ordered events of a connection.

The questions that several rules ask of it are answered here, always with the event that proves the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.events import (
    CommandReceived,
    DataReceived,
    Disconnected,
    Event,
    LineReceived,
    Misbehaved,
    RawReceived,
    RawSent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from labserver.verdicts.sightings import Sighting

__all__ = ["FAREWELLS", "HANDSHAKE", "Evidence", "Session", "Spoken", "Trace"]

Spoken = CommandReceived | LineReceived | DataReceived
"""What a client says, as far as it makes sense to the dialogue."""
FAREWELLS = frozenset({"QUIT", "LOGOUT"})
"""How a client that does not like what it sees says goodbye, inside TLS too (RFC 3207 4.1)."""
HANDSHAKE = b"\x16\x03"
"""The first octets of a ClientHello: a TLS record of type handshake (RFC 8446 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The event that proves something, and where it stands."""

    session: int
    """The session's number."""
    index: int
    """The event's place in it, from 0."""
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One connection."""

    number: int
    started: datetime
    events: tuple[Event, ...]
    """What happened, without any secret."""
    sightings: tuple[Sighting, ...] = ()
    """Which of the events held the canary, and in which form."""
    elided: int = 0
    """Events that were left out, because there were very many and they told nothing new."""

    def evidence(self, index: int) -> Evidence:
        """Return the event at ``index`` as evidence."""
        return Evidence(session=self.number, index=index, event=self.events[index])

    @property
    def last(self) -> Evidence:
        """The last thing that happened; mere octets are no news."""
        news = [index for index, event in enumerate(self.events) if not isinstance(event, RawReceived | RawSent)]
        return self.evidence(news[-1] if news else len(self.events) - 1)

    def each(self, *kinds: type[Event]) -> Iterator[Evidence]:
        """Yield the events of these kinds in order."""
        for index, event in enumerate(self.events):
            if isinstance(event, kinds):
                yield self.evidence(index)

    def spoken(self, *, secure: bool) -> Iterator[tuple[Evidence, Spoken]]:
        """Yield what the client said, inside TLS or in clear, its goodbyes left out.

        A ClientHello that the server did not expect (STARTTLS was refused, the client begins with TLS all the same) is
        nothing said in clear, although the dialogue takes it for commands.
        """
        hello = False
        for index, event in enumerate(self.events):
            if isinstance(event, RawReceived):
                hello = not event.encrypted and event.data.startswith(HANDSHAKE)
            if hello or not isinstance(event, Spoken) or event.secure is not secure:
                continue
            if not (isinstance(event, CommandReceived) and event.verb in FAREWELLS):
                yield self.evidence(index), event

    def misbehaviour(self, *facets: str) -> int | None:
        """Return the place of the event with which the fault reached the client; None if it did not.

        With ``facets``, it is one of these.
        """
        for index, event in enumerate(self.events):
            if isinstance(event, Misbehaved) and (not facets or event.facet in facets):
                return index
        return None

    @property
    def left(self) -> bool:
        """The client ended it, or said goodbye, upon which the server does; what is still open is not left."""
        ends = [event for event in self.events if isinstance(event, Disconnected)]
        goodbye = any(isinstance(event, CommandReceived) and event.verb in FAREWELLS for event in self.events)
        return bool(ends) and (goodbye or ends[-1].by != "server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one run of a client left behind, in the order in which it connected."""

    sessions: tuple[Session, ...]

    def afflicted(self, *facets: str) -> Iterator[Session]:
        """Yield the sessions in which the fault, or with ``facets`` one of these, reached the client."""
        for session in self.sessions:
            if session.misbehaviour(*facets) is not None:
                yield session

    @property
    def last(self) -> Evidence | None:
        """The last event of the last session; None when nothing connected."""
        return self.sessions[-1].last if self.sessions and self.sessions[-1].events else None
