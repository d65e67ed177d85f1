"""What is kept of a run as evidence: every event that a rule may need, and no secret.

A witness is told of each event as it happens, before the transcript's limits apply. It notes which events hold the
canary, and in which form, and keeps a masked event in place of the one that happened; so a trace can be written down
and judged again by anybody. It reads the ClientHello and lists of SASL mechanisms, which rules need and do not parse.

Of a session with very many events it goes on to keep those that tell something new: the same command inside TLS a
hundred thousand times proves no more than once.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from labserver import events
from labserver.mechanisms import SASL_MECHANISMS
from labserver.tls.client_hello import ClientHello, ClientHelloReader
from labserver.tls.registry import extension_name, group_number_name, scheme_name, version_name
from labserver.tls.suite_numbers import suite_name
from labserver.verdicts.canary import Canary, Exposure
from labserver.verdicts.sightings import Lookout
from labserver.verdicts.trace import HANDSHAKE, Session, Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from labserver.mailstore.directory import User
    from labserver.verdicts.sightings import Sighting

__all__ = ["Witness", "canary_of", "trace_of"]

_MASK = b"****"
_MOST = 10_000
"""Events that are kept of a session in any case."""
_DIGITS = 6
"""Of a second, in which a report tells times: what is judged is what is told."""
_SHOWN = 1 << 13
"""Octets that are kept of a command, a reply or a mail."""
_LISTS = re.compile(
    rb"^(?:250[- ]AUTH[ =]|SASL )(?P<names>[A-Z0-9_ -]+)|\bAUTH=(?P<name>[A-Z0-9_-]+)",
    re.IGNORECASE | re.MULTILINE,
)
"""SASL mechanisms in a reply (RFC 4954 3, RFC 5034 3, RFC 9051 7.2.2)."""
_REFUSAL = re.compile(rb"[45][0-9][0-9](?= )")
"""A reply that refuses AUTH (RFC 4954 6)."""
_PHASES = (events.TlsStarted, events.TlsEstablished, events.AuthenticationSucceeded)


class _Recorded(Protocol):
    """A session's record, as far as it is needed here."""

    number: int
    started: datetime


class Witness:
    """Watches the sessions of one run."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary
        self._sessions: dict[int, _SessionWitness] = {}
        self._told: set[int] = set()
        """The sessions in which the password was said: from then on the server may repeat it, in others, too."""

    def observe(self, record: _Recorded, event: events.Event) -> None:
        """Take note of an event."""
        watched = self._sessions.get(record.number)
        if watched is None:
            watched = self._sessions[record.number] = _SessionWitness(
                record.number, record.started, self._canary, self._told
            )
        watched.take(event)

    def trace(self) -> Trace:
        """Return what has happened until now."""
        return Trace(sessions=tuple(watched.session() for watched in self._sessions.values()))


def canary_of(user: User) -> Canary:
    """Return what to look for of an account."""
    return Canary(user=user.name, password=user.password, token=user.token)


class _RecordedWhole(_Recorded, Protocol):
    """A session's record with its events."""

    events: list[events.Event]


def trace_of(records: Iterable[_RecordedWhole], canary: Canary) -> Trace:
    """Return what the records hold now; they may go on."""
    witness = Witness(canary)
    for record in records:
        for event in record.events:
            witness.observe(record, event)
    return witness.trace()


class _SessionWitness:
    """Watches one connection."""

    def __init__(self, number: int, started: datetime, canary: Canary, told: set[int]) -> None:
        self._number = number
        self._started = started
        self._canary = canary
        self._told = told
        self._lookout = Lookout(canary)
        self._events: list[events.Event] = []
        self._sightings: list[Sighting] = []
        self._elided = 0
        self._known: set[tuple[object, ...]] = set()
        self._phase = 0
        self._hello: ClientHelloReader | None = None
        self._authenticated = False
        self._verb = ""

    def take(self, event: events.Event) -> None:
        """Keep what an event proves."""
        found = self._lookout.take(len(self._events), event)
        if found is not None and found.exposure > Exposure.NAME:
            self._told.add(self._number)
        if isinstance(event, _PHASES):
            self._phase += 1
        kept = self._keep(event, found)
        if found is not None and kept:
            self._sightings.append(found)
        for derived in self._derived(event):
            self._keep(derived, None)

    def session(self) -> Session:
        """Return what has happened until now."""
        rest = self._lookout.unframed()
        return Session(
            number=self._number,
            started=self._started,
            events=tuple(self._events),
            sightings=(*self._sightings, *([rest] if rest else [])),
            elided=self._elided,
        )

    def _keep(self, event: events.Event, found: Sighting | None) -> bool:
        if len(self._events) >= _MOST and not self._is_news(event, found):
            self._elided += 1
            return False
        self._events.append(self._masked(event, found))
        return True

    def _is_news(self, event: events.Event, found: Sighting | None) -> bool:
        told = tuple(
            getattr(event, name, None) for name in ("verb", "kind", "secure", "facet", "mechanism", "encrypted")
        )
        key = (type(event), self._phase, found.exposure if found else None, *told)
        if key in self._known:
            return False
        self._known.add(key)
        return True

    def _derived(self, event: events.Event) -> Iterator[events.Event]:
        """Yield what an event tells to those who parse it."""
        if isinstance(event, events.CommandReceived):
            self._verb = event.verb
        elif isinstance(event, events.TlsStarted):
            self._hello = ClientHelloReader()
        elif isinstance(event, events.AuthenticationSucceeded):
            self._authenticated = True
        elif isinstance(event, events.RawReceived) and self._hello is not None:
            read = self._hello.receive(event.data)
            if isinstance(read, ClientHello):
                yield _told(read, event.at)
            if event.encrypted is False or isinstance(read, ClientHello):
                self._hello = None
        elif isinstance(event, events.ReplySent) and not self._authenticated:
            yield from _listed(event)
            if self._verb == "AUTH" and (code := _REFUSAL.match(event.data)):
                yield events.LoginRejected(at=event.at, code=code.group().decode(), secure=event.secure)

    def _masked(self, event: events.Event, found: Sighting | None) -> events.Event:
        """Return an event as it is kept; most have nothing to hide."""
        masked = event
        match event:
            case events.RawReceived():
                begins = HANDSHAKE if not event.encrypted and event.data.startswith(HANDSHAKE) else b""
                masked = replace(event, data=begins)
            case events.RawSent():
                masked = replace(event, data=b"")
            case events.CommandReceived():
                shown = self._harmless(event.masked) if found is not None else event.masked[:_SHOWN]
                whole = event.size == len(event.data)  # another size says that something was left out
                masked = replace(event, data=shown, masked=shown, size=len(shown) if whole else event.size)
            case events.LineReceived():
                shown = self._harmless(event.masked) if found is not None else event.masked[:_SHOWN]
                masked = replace(event, data=shown, masked=shown)
            case events.DataReceived():
                secret = found is not None and found.exposure > Exposure.NAME
                masked = replace(event, data=_MASK + b"\r\n" if secret else event.data[:_SHOWN])
            case events.PlaintextDiscarded():
                masked = replace(event, data=_MASK)
            case events.ReplySent():
                told = event.data if event.masked is None else event.masked
                shown = self._harmless(told) if self._told else told[:_SHOWN]
                whole = event.size == len(event.data)
                masked = replace(event, data=shown, masked=None, size=len(shown) if whole else event.size)
            case events.InternalFault():
                masked = replace(event, description=event.masked)
            case _:
                pass
        return replace(masked, at=round(masked.at, _DIGITS))

    def _harmless(self, data: bytes) -> bytes:
        """Return octets that are shown: whoever has logged in may repeat the password in any argument."""
        found = self._canary.exposed_in(data)
        secret = found is not None and found[0] > Exposure.NAME
        return _MASK + b"\r\n" if secret else data[:_SHOWN]


def _told(hello: ClientHello, at: float) -> events.ClientHelloReceived:
    return events.ClientHelloReceived(
        at=at,
        versions=tuple(map(version_name, hello.versions)),
        groups=tuple(map(group_number_name, hello.groups)),
        signatures=tuple(map(scheme_name, hello.signatures)),
        extensions=tuple(map(extension_name, hello.extensions)),
        suites=tuple(map(suite_name, hello.ciphers)),
    )


def _listed(reply: events.ReplySent) -> Iterator[events.MechanismsListed]:
    found = [word.upper() for one in _LISTS.finditer(reply.data) for word in (one["names"] or one["name"]).split()]
    names = tuple(word.decode() for word in dict.fromkeys(found) if word.decode() in SASL_MECHANISMS)
    if names:
        yield events.MechanismsListed(at=reply.at, mechanisms=names, secure=reply.secure)
