"""What was said: every session's events, bounded in memory, and streams of them for those who listen.

A session's record keeps events until its octets reach a limit; beyond it events that carry octets are counted instead
of kept, and those that mark its life (TLS, authentication, the end) are always kept. Nothing here slows a session down
by more than appending to a list: formatting is the reader's work.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from labserver import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from labserver.clock import Clock

    _Sized = events.RawReceived | events.RawSent | events.CommandReceived | events.ReplySent | events.DataReceived

__all__ = ["SessionRecord", "Transcript"]

_RAW = (events.RawReceived, events.RawSent)
_MOST_LIES = 100
"""Events of misbehaviour that are kept of a session: a client may ask for the same lie again and again."""
_SIZED = (events.CommandReceived, events.ReplySent, events.DataReceived)


class SessionRecord:
    """The events of one connection."""

    __slots__ = (
        "_lies",
        "_monotonic",
        "_origin",
        "_raw_room",
        "_room",
        "_transcript",
        "elided",
        "events",
        "number",
        "raw_full",
        "started",
    )

    def __init__(self, *, number: int, clock: Clock, transcript: Transcript) -> None:
        self.number = number
        self.started: datetime = clock.now()
        self.events: list[events.Event] = []
        self.elided = 0
        """Octets of dialogue and network that were not kept."""
        self._monotonic = clock.monotonic
        self._lies = 0
        self._origin = clock.monotonic()
        self._room = transcript.octets
        self._raw_room = transcript.raw_octets
        self.raw_full = not self._raw_room
        """Octets of the network may be passed over: there is no room for them."""
        self._transcript = transcript

    def elapsed(self) -> float:
        """Return seconds since the connection was accepted."""
        return self._monotonic() - self._origin

    def observe(self, event: events.Event) -> None:
        """Take note of an event."""
        if self._transcript.subscribers:
            for subscriber in tuple(self._transcript.subscribers):
                subscriber(self, event)
        if isinstance(event, _RAW):
            self._raw_room = self._keep(event, event.size, self._raw_room)
            self.raw_full = not self._raw_room
        elif isinstance(event, _SIZED):
            self._room = self._keep(event, event.size, self._room)
        elif isinstance(event, events.LineReceived):
            self._room = self._keep(event, len(event.data), self._room)
        elif isinstance(event, events.MailDelivered):
            self._keep_whole(event)
        elif isinstance(event, events.Misbehaved):
            self._lies += 1
            if self._lies <= _MOST_LIES:
                self.events.append(event)
        else:
            self.events.append(event)

    def passes_over(self, octets: int) -> bool:
        """Return whether octets of the network would not be kept, nor told to anybody; then they are counted."""
        if self._raw_room or self._transcript.subscribers:
            return False
        self.elided += octets
        return True

    def passes_over_dialogue(self, octets: int) -> bool:
        """Return the same of octets of the dialogue: commands, lines, data, replies, envelopes."""
        if self._room or self._transcript.subscribers:
            return False
        self.elided += octets
        return True

    def _keep_whole(self, event: events.MailDelivered) -> None:
        """Keep an envelope if there is room for it; half of one would tell who did not get the mail."""
        if event.size <= self._room:
            self.events.append(event)
            self._room -= event.size
        else:
            self.elided += event.size

    def _keep(self, event: _Sized | events.LineReceived, whole: int, room: int) -> int:
        """Keep what fits into ``room`` octets of an event of ``whole`` ones; return the room left."""
        size = len(event.data)
        if whole > size:
            self.elided += whole - size
        if size <= room and room:  # one without octets takes room, too
            self.events.append(event)
            return room - size
        self.elided += size - room
        if room:
            self.events.append(_shortened(event, room))
        return 0


def _shortened(event: _Sized | events.LineReceived, room: int) -> events.Event:
    if isinstance(event, events.CommandReceived | events.LineReceived):
        return replace(event, data=event.data[:room], masked=event.masked[:room])
    if isinstance(event, events.ReplySent) and event.masked is not None:
        return replace(event, data=event.data[:room], masked=event.masked[:room])
    return replace(event, data=event.data[:room])


class Transcript:
    """The sessions of a lab, newest last, at most ``sessions`` of them."""

    def __init__(self, *, clock: Clock, octets: int, raw_octets: int, sessions: int) -> None:
        self.octets = octets
        self.raw_octets = raw_octets
        self.subscribers: set[Callable[[SessionRecord, events.Event], None]] = set()
        self._clock = clock
        self._records: deque[SessionRecord] = deque(maxlen=sessions)
        self._count = 0

    def begin(self) -> SessionRecord:
        """Return the record of a new session."""
        self._count += 1
        record = SessionRecord(number=self._count, clock=self._clock, transcript=self)
        self._records.append(record)
        return record

    def records(self) -> Iterator[SessionRecord]:
        """Yield the records kept, oldest first."""
        yield from tuple(self._records)
