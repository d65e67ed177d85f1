"""What of a chain can never happen on a scenario's services, and is refused when it is read.

Only what is certain is refused here: that a client never comes to it is found out by playing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues import imap, pop3, smtp
from labserver.dialogues.exchange import Command
from labserver.dialogues.purposes import Purpose, purpose_of
from labserver.misbehaviours.conditions import When
from labserver.misbehaviours.moment import Occasion, Phase
from labserver.services import SERVICES, ProtocolName
from labserver.tables import TableError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labserver.misbehaviours.base import Misbehaviour
    from labserver.services import Service

__all__ = ["check"]

_WORDS: dict[ProtocolName, frozenset[str]] = {
    ProtocolName.SMTP: smtp.WORDS - {"LHLO"},
    ProtocolName.LMTP: smtp.WORDS - {"EHLO", "HELO"},
    ProtocolName.IMAP: imap.WORDS,
    ProtocolName.POP3: pop3.WORDS,
}
_SMTP = frozenset({ProtocolName.SMTP, ProtocolName.LMTP})
_IMAP = frozenset({ProtocolName.IMAP})
_WITH_COMMAND = frozenset({Occasion.COMMAND, Occasion.LITERAL, Occasion.UNSOLICITED})
"""The occasions on which a command may be in progress."""
_PREAUTH = "preauth"
_NO_CONDITIONS = When()


def check(links: Sequence[Misbehaviour], services: Sequence[str]) -> None:
    """Raise TableError for a link of a chain that can never act on any of the services.

    The path begins with the link's place, and leads to the condition that is to blame.
    """
    for place, link in enumerate(links):
        for fault in _faults(link, [SERVICES[name] for name in services]):
            raise fault.below(place)
        for outer in links[place + 1 :]:
            if _hides(outer, link):
                raise TableError(
                    (place,),
                    f"it never acts: {outer.kind} behind it, nearer to the client, answers everything that it is for;"
                    " write it behind that, or give that one conditions",
                )
    _check_preauth(links, [SERVICES[name] for name in services])
    _check_instruments(links)


def _faults(link: Misbehaviour, services: Sequence[Service]) -> Iterator[TableError]:
    """Yield what keeps a link from ever acting, whatever the others do."""
    when = link.when
    met = [service for service in services if not when.services or service.name in when.services]
    if not met:
        names = ", ".join(service.name for service in services)
        yield TableError(("when", "service"), f"must be one of the scenario's services: {names}")
        return
    able = [service for service in met if service.protocol in link.protocols]
    if not able:
        yield TableError(("kind",), f"{link.kind} has a meaning in {_listed(link.protocols)} only")
        return
    yield from _faulty_occasions(link, able)
    yield from _faulty_phases(when, able)
    yield from _faulty_commands(link, able)
    yield from _faulty_patterns(when, able)


def _faulty_occasions(link: Misbehaviour, services: Sequence[Service]) -> Iterator[TableError]:
    when = link.when
    if when.occasions - link.possible:
        possible = _listed(link.possible) if link.possible else "no occasion of the dialogue"
        yield TableError(("when", "on"), f"{link.kind} is possible on {possible} only")
    if link.occasions == {Occasion.LITERAL} and not _any(services, lambda one: one.protocol in _IMAP):
        yield TableError(("when", "on"), "literals are announced in IMAP only")
    if link.occasions == {Occasion.SECURED} and all(service.implicit_tls for service in services):
        yield TableError(("when", "on"), "secured is what comes after STARTTLS, and these services have implicit TLS")
    if Occasion.QUIET not in link.occasions and "idle" in _given(when):
        yield TableError(("when", "idle"), 'has a meaning only with on = "quiet"')
    if not when.counts and "scope" in _given(when):
        yield TableError(("when", "scope"), "has a meaning only with nth or chance")


def _faulty_phases(when: When, services: Sequence[Service]) -> Iterator[TableError]:
    path = ("when", "phase")
    phases = set(when.phases)
    if {Phase.CLEAR, Phase.TLS} <= phases:
        yield TableError(path, "clear and tls never hold at once")
    if Phase.CLEAR in phases and all(service.implicit_tls for service in services):
        yield TableError(path, "nothing is in clear on services with implicit TLS")
    if Phase.SELECTED in phases and not _any(services, lambda one: one.protocol in _IMAP):
        yield TableError(path, "mailboxes are selected in IMAP only")


def _faulty_commands(link: Misbehaviour, services: Sequence[Service]) -> Iterator[TableError]:
    when = link.when
    words = frozenset().union(*(_WORDS[service.protocol] for service in services))
    for place, verb in enumerate(when.commands):
        path = ("when", "command", place) if isinstance(when.command, tuple) else ("when", "command")
        if verb not in words:
            yield TableError(path, unknown(verb, sorted(words), what="command"))
        elif purpose_of(Command(verb=verb)) is Purpose.UPGRADE and all(one.implicit_tls for one in services):
            yield TableError(path, f"nobody sends {verb} on services with implicit TLS")
    if when.purposes == (Purpose.UPGRADE,) and all(one.implicit_tls for one in services):
        yield TableError(("when", "purpose"), "nobody asks for TLS on services with implicit TLS")
    if (when.commands or when.purposes) and link.occasions and not link.occasions & _WITH_COMMAND:
        key = "command" if when.commands else "purpose"
        yield TableError(("when", key), f"there is no command on the occasion {_listed(link.occasions)}")


def _faulty_patterns(when: When, services: Sequence[Service]) -> Iterator[TableError]:
    for key in ("sender", "recipient"):
        if getattr(when, key) is not None and not _any(services, lambda one: one.protocol in _SMTP):
            yield TableError(("when", key), "has a meaning in SMTP and LMTP only")
    if when.mailbox is not None and not _any(services, lambda one: one.protocol in _IMAP):
        yield TableError(("when", "mailbox"), "has a meaning in IMAP only")


def _check_preauth(links: Sequence[Misbehaviour], services: Sequence[Service]) -> None:
    """Refuse what waits for a login where the client is logged in from the start."""
    entered = {
        service.name
        for link in links
        if link.kind == _PREAUTH and not link.when.counts
        for service in services
        if _is_greeted(link, service)
    }
    for place, link in enumerate(links):
        met = {service.name for service in services if not link.when.services or service.name in link.when.services}
        if not met or not met <= entered:
            continue
        if link.when.purposes == (Purpose.CREDENTIALS,) or link.uses("believes"):
            raise TableError((place,), f"nobody logs in behind {_PREAUTH}")
        if link.when.commands and all(_logs_in(verb) for verb in link.when.commands):
            raise TableError((place, "when", "command"), f"nobody logs in behind {_PREAUTH}")


def _is_greeted(link: Misbehaviour, service: Service) -> bool:
    """Return whether a link that acts on greetings acts on that of a service."""
    phase = Phase.TLS if service.implicit_tls else Phase.CLEAR
    named = not link.when.services or service.name in link.when.services
    return named and service.protocol in link.protocols and set(link.when.phases) <= {phase}


def _check_instruments(links: Sequence[Misbehaviour]) -> None:
    """Refuse faults inside TLS beside an instrument that says nothing there."""
    instrument = next((link for link in links if link.instrument), None)
    if instrument is None:
        return
    for place, link in enumerate(links):
        inside = Phase.TLS in link.when.phases or link.occasions == {Occasion.SECURED}
        if inside and not link.instrument:
            raise TableError(
                (place,), f"{instrument.kind} holds everything inside TLS, so this would be measured with it; take one"
            )


def _logs_in(verb: str) -> bool:
    return purpose_of(Command(verb=verb, argument=b"x")) is Purpose.CREDENTIALS


def _hides(outer: Misbehaviour, inner: Misbehaviour) -> bool:
    """Return whether an outer link answers by itself whenever an inner one could act."""
    if not outer.replaces or not inner.occasions or not inner.occasions <= outer.occasions:
        return False
    if not (inner.uses("exchange") or inner.uses("reply")):
        return False
    wide, narrow = outer.when, inner.when
    if wide.counts or "idle" in _given(wide):
        return False
    return (
        _covers(wide.commands, narrow.commands)
        and _covers(wide.purposes, narrow.purposes)
        and _covers(wide.services, narrow.services)
        and set(wide.phases) <= set(narrow.phases)
        and all(
            getattr(wide, key) in {None, getattr(narrow, key)} for key in ("account", "mailbox", "sender", "recipient")
        )
    )


def _covers(wide: Iterable[str], narrow: Iterable[str]) -> bool:
    """Return whether every one of the words that are meant is among others; none are all."""
    all_of, some = set(wide), set(narrow)
    return not all_of or (bool(some) and some <= all_of)


def _given(when: When) -> set[str]:
    """Return the conditions that differ from their defaults."""
    return {field for field in when.__struct_fields__ if getattr(when, field) != getattr(_NO_CONDITIONS, field)}


def _any(services: Iterable[Service], is_so: Callable[[Service], bool]) -> bool:
    return any(is_so(service) for service in services)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(str(word) for word in words))
