"""What of a chain can never happen on a scenario's services, and is refused when it is read.

Only what is certain is refused here: that a client never comes to it is found out by a rehearsal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from labserver.dialogues import imap, pop3, smtp
from labserver.dialogues.exchange import Command
from labserver.dialogues.purposes import Purpose, purpose_of
from labserver.misbehaviours.conditions import When
from labserver.misbehaviours.moment import Occasion, Phase, Scope
from labserver.services import SERVICES, ProtocolName
from labserver.tables import TableError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
_LITERAL, _SECURED = frozenset({Occasion.LITERAL}), frozenset({Occasion.SECURED})
_WITH_COMMAND = frozenset({Occasion.COMMAND, Occasion.LITERAL, Occasion.UNSOLICITED})
"""The occasions on which a command may be in progress."""
_NOT_OF_THE_DIALOGUE = frozenset({"on", "service", "idle", "nth", "chance", "scope"})
_OF_THE_DIALOGUE = tuple(name for name in When.__struct_fields__ if name not in _NOT_OF_THE_DIALOGUE)
"""Conditions on what is said."""
_ALIKE = tuple(name for name in _OF_THE_DIALOGUE if name not in {"command", "purpose", "phase"})
"""Those that one link shares with another only if both say the same."""
_PREAUTH = "preauth"
_NO_CONDITIONS = When()


def check(links: Sequence[Misbehaviour], services: Sequence[str]) -> None:
    """Raise TableError for a link of a chain that can never act on any of the services.

    The path begins with the link's place, and leads to the condition that is to blame.
    """
    names = tuple(services)
    for place, link in enumerate(links):
        try:
            _check_link(link, names)
        except TableError as error:
            raise error.below(place) from error
        for outer in links[place + 1 :]:
            if _hides(outer, link):
                raise TableError(
                    (place,),
                    f"it never acts: {outer.kind} behind it, nearer to the client, answers everything that it is for;"
                    " write it behind that, or give that one conditions",
                )
    if any(link.kind == _PREAUTH for link in links):
        _check_preauth(links, [SERVICES[name] for name in services])
    _check_instruments(links)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """What is so of some services."""

    names: tuple[str, ...]
    protocols: frozenset[ProtocolName]
    words: frozenset[str]
    """Their commands."""
    all_implicit: bool
    """All of them have TLS from the beginning."""


@cache
def _where(names: tuple[str, ...]) -> _Where:
    services = [SERVICES[name] for name in names]
    return _Where(
        names=names,
        protocols=frozenset(service.protocol for service in services),
        words=frozenset[str]().union(*(_WORDS[service.protocol] for service in services)),
        all_implicit=all(service.implicit_tls for service in services),
    )


def _check_link(link: Misbehaviour, services: tuple[str, ...]) -> None:
    """Raise TableError for what keeps a link from ever acting, whatever the others do."""
    when = link.when
    where = _where(services)
    if when.service:
        where = _where(tuple(name for name in services if name in when.services))
        if not where.names:
            raise TableError(("when", "service"), f"must be one of the scenario's services: {', '.join(services)}")
    if not where.protocols <= link.protocols:
        where = _where(tuple(name for name in where.names if SERVICES[name].protocol in link.protocols))
        if not where.names:
            raise TableError(("kind",), f"{link.kind} has a meaning in {_listed(link.protocols)} only")
    _check_occasions(link, where)
    if link.uses("handshake"):
        _check_handshake(when)
    if when.phase:
        _check_phases(set(when.phases), where)
    if when.command or when.purpose is not None:
        _check_commands(link, where)
    if when.sender is not None or when.recipient is not None or when.mailbox is not None:
        _check_patterns(when, where)


def _check_occasions(link: Misbehaviour, where: _Where) -> None:
    when = link.when
    if when.on is not None and when.occasions - link.possible:
        possible = _listed(link.possible) if link.possible else "no occasion of the dialogue"
        raise TableError(("when", "on"), f"{link.kind} is possible on {possible} only")
    occasions = link.occasions
    if occasions == _LITERAL and not where.protocols & _IMAP:
        raise TableError(("when", "on"), "literals are announced in IMAP only")
    if occasions == _SECURED and where.all_implicit:
        raise TableError(("when", "on"), "secured is what comes after STARTTLS, and these services have implicit TLS")
    if when.idle != _NO_CONDITIONS.idle and Occasion.QUIET not in occasions:
        raise TableError(("when", "idle"), 'has a meaning only with on = "quiet"')
    if when.scope is not _NO_CONDITIONS.scope and not when.counts:
        raise TableError(("when", "scope"), "has a meaning only with nth or chance")


def _check_handshake(when: When) -> None:
    """Refuse what is not so yet when TLS begins."""
    for key in _OF_THE_DIALOGUE:
        if getattr(when, key) != getattr(_NO_CONDITIONS, key):
            raise TableError(("when", key), "has no meaning in a TLS handshake; service, nth, chance and scope have")
    if when.scope is Scope.ACCOUNT:
        raise TableError(("when", "scope"), "nobody is logged in in a TLS handshake; choose session, lease or lab")


def _check_phases(phases: set[Phase], where: _Where) -> None:
    path = ("when", "phase")
    if {Phase.CLEAR, Phase.TLS} <= phases:
        raise TableError(path, "clear and tls never hold at once")
    if Phase.CLEAR in phases and where.all_implicit:
        raise TableError(path, "nothing is in clear on services with implicit TLS")
    if Phase.SELECTED in phases and not where.protocols & _IMAP:
        raise TableError(path, "mailboxes are selected in IMAP only")


def _check_commands(link: Misbehaviour, where: _Where) -> None:
    when, commands, purposes = link.when, link.when.commands, link.when.purposes
    for place, verb in enumerate(commands):
        path = ("when", "command", place) if isinstance(when.command, tuple) else ("when", "command")
        if elsewhere := [protocol for protocol, words in _WORDS.items() if verb in words - where.words]:
            here = "the scenario's services speak" if not when.service else "these services speak"
            raise TableError(path, f"{verb} is a command of {_listed(elsewhere)}; {here} {_listed(where.protocols)}")
        if verb not in where.words:
            raise TableError(path, unknown(verb, sorted(where.words), what="command"))
        if where.all_implicit and purpose_of(Command(verb=verb)) is Purpose.UPGRADE:
            raise TableError(path, f"nobody sends {verb} on services with implicit TLS")
    if where.all_implicit and purposes == (Purpose.UPGRADE,):
        raise TableError(("when", "purpose"), "nobody asks for TLS on services with implicit TLS")
    if link.occasions and not link.occasions & _WITH_COMMAND:
        key = "command" if commands else "purpose"
        raise TableError(("when", key), f"there is no command on the occasion {_listed(link.occasions)}")


def _check_patterns(when: When, where: _Where) -> None:
    for key in ("sender", "recipient"):
        if getattr(when, key) is not None and not where.protocols & _SMTP:
            raise TableError(("when", key), "has a meaning in SMTP and LMTP only")
    if when.mailbox is not None and not where.protocols & _IMAP:
        raise TableError(("when", "mailbox"), "has a meaning in IMAP only")


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
    if wide.counts or wide.idle != _NO_CONDITIONS.idle:
        return False
    return (
        _covers(wide.commands, narrow.commands)
        and _covers(wide.purposes, narrow.purposes)
        and _covers(wide.services, narrow.services)
        and set(wide.phases) <= set(narrow.phases)
        and all(getattr(wide, key) in {getattr(_NO_CONDITIONS, key), getattr(narrow, key)} for key in _ALIKE)
    )


def _covers(wide: Iterable[str], narrow: Iterable[str]) -> bool:
    """Return whether every one of the words that are meant is among others; none are all."""
    all_of, some = set(wide), set(narrow)
    return not all_of or (bool(some) and some <= all_of)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(str(word) for word in words))
