"""Where a session shows the canary: each event is looked at once, as it happens.

A *digest* of the password is recognised by computing it from the challenge that the server gave: CRAM-MD5, APOP, SCRAM.
Mechanisms the lab does not speak (NTLM, DIGEST-MD5) get no challenge, so there is nothing of theirs to recognise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver import events
from labserver.verdicts.canary import Exposure
from labserver.verdicts.digests import Digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labserver.verdicts.canary import Canary

__all__ = ["Lookout", "Sighting", "sightings"]

_WINDOW = 1 << 15
"""Octets in clear that are kept until they are looked at together."""
_OVERLAP = 1 << 12
"""Octets of them that are looked at again, because a credential may be cut in two there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The canary, seen."""

    index: int
    """The place of the event in its session."""
    exposure: Exposure
    form: str
    """In which form: a phrase, ``in base64``."""
    secure: bool
    """Inside TLS."""


class Lookout:
    """Looks for the canary in one session's events, which it is given in order."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary
        self._digests = Digests(password=canary.password)
        self._received = bytearray()
        self._last = 0
        self._unframed: Sighting | None = None
        self._worst_in_clear = 0

    def take(self, index: int, event: events.Event) -> Sighting | None:
        """Return what the event at a place shows, if it shows anything."""
        computed = self._digests.take(event)
        if isinstance(event, events.RawReceived) and not event.encrypted:
            self._receive(index, event.data)
        said = _said(event)
        if said is None:
            return None
        data, secure = said
        digest = (Exposure.DIGEST, computed) if computed else None
        found = max(filter(None, (digest, self._canary.exposed_in(data))), default=None)
        if found is None:
            return None
        self._worst_in_clear = max(self._worst_in_clear, 0 if secure else found[0])
        return Sighting(index=index, exposure=found[0], form=found[1], secure=secure)

    def unframed(self) -> Sighting | None:
        """Return what the network showed but no event so far did.

        That is a line without its end, or clear text where TLS belongs.
        """
        self._look(self._last)
        found = self._unframed
        return found if found is not None and found.exposure > self._worst_in_clear else None

    def _receive(self, index: int, data: bytes) -> None:
        self._received += data
        self._last = index
        if len(self._received) > _WINDOW:
            self._look(index)
            del self._received[:-_OVERLAP]

    def _look(self, index: int) -> None:
        found = self._canary.exposed_in(bytes(self._received))
        if found is not None and (self._unframed is None or found[0] > self._unframed.exposure):
            self._unframed = Sighting(index=index, exposure=found[0], form=found[1], secure=False)


def sightings(canary: Canary, session: Iterable[events.Event]) -> Iterator[Sighting]:
    """Yield what a session's events show of the canary, in order, and then what no event but the network showed."""
    lookout = Lookout(canary)
    for index, event in enumerate(session):
        found = lookout.take(index, event)
        if found is not None:
            yield found
    rest = lookout.unframed()
    if rest is not None:
        yield rest


def _said(event: events.Event) -> tuple[bytes, bool] | None:
    match event:
        case events.CommandReceived() | events.LineReceived() | events.DataReceived():
            return event.data, event.secure
        case events.PlaintextDiscarded():
            return event.data, False
        case _:
            return None
