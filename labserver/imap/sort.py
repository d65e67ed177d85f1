"""SORT: criteria and the order they make (RFC 5256 3 and 2.2, RFC 5957 for DISPLAYFROM and DISPLAYTO).

Texts compare by their folded form, which is what ``i;unicode-casemap`` (RFC 5051) comes to. What a criterion finds in a
message is kept in ``message.derived``, because clients sort the same mailbox again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from labserver.errors import StoreError
from labserver.imap.cursor import BadSyntax, beginning
from labserver.message.addresses import addresses
from labserver.message.charsets import decode, fold
from labserver.message.dates import sent_date
from labserver.message.header import Header, header_end
from labserver.message.subject import base_subject
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from labserver.imap.cursor import Cursor
    from labserver.mailstore.message import Message

__all__ = ["DISPLAY_CRITERIA", "Criterion", "derived", "header_of", "parse_criteria", "sent", "sort"]

DISPLAY_CRITERIA = frozenset({b"DISPLAYFROM", b"DISPLAYTO"})
"""Criteria that are only understood while SORT=DISPLAY is switched on (RFC 5957)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What to sort by."""

    name: bytes
    """Upper-case."""
    reverse: bool = False


def parse_criteria(cursor: Cursor, *, display: bool) -> tuple[Criterion, ...]:
    """Read ``(REVERSE DATE SUBJECT …)``; ``display`` allows DISPLAYFROM and DISPLAYTO."""
    words = cursor.parenthesised(cursor.atom)
    criteria: list[Criterion] = []
    reverse = False
    for word in words:
        if word == b"REVERSE":
            if reverse:
                raise BadSyntax("REVERSE needs a sort criterion behind it")
            reverse = True
            continue
        if word not in _KEYS or (word in DISPLAY_CRITERIA and not display):
            raise BadSyntax(f"Unknown sort criterion {beginning(word)}")
        criteria.append(Criterion(name=word, reverse=reverse))
        reverse = False
    if reverse or not criteria:
        raise BadSyntax("Name at least one sort criterion")
    return tuple(criteria)


def sort(found: Sequence[tuple[int, Message]], criteria: Sequence[Criterion]) -> list[tuple[int, Message]]:
    """Return ``found`` in the order of ``criteria``; what they leave equal is in mailbox order (RFC 5256 3)."""
    ordered = sorted(found, key=itemgetter(0))
    for criterion in reversed(criteria):
        # A stable sort per criterion, the last first; reverse=True keeps equal messages in their order.
        ordered.sort(key=_by(_KEYS[criterion.name]), reverse=criterion.reverse)
    return ordered


def _by(find: Callable[[Message], Any]) -> Callable[[tuple[int, Message]], Any]:
    return lambda hit: find(hit[1])


def derived(message: Message, name: str, find: Callable[[Message], Any]) -> Any:  # noqa: ANN401 -- whatever ``find`` finds
    """Return what ``find`` finds in a message, found once."""
    cache = message.derived
    if name not in cache:
        cache[name] = find(message)
    return cache[name]


def header_of(message: Message) -> Header:
    """Return the message's header; an empty one when its octets are gone because another session expunged it."""
    try:
        content = message.content
    except StoreError as error:
        if error.code != "EXPUNGEISSUED":
            raise
        content = b""
    return Header(content, 0, header_end(content))


def sent(message: Message) -> datetime:
    """Return the sent date (RFC 5256 2.2): the Date field's, or the internal date without a valid one."""
    found: datetime = derived(message, "sort.date", _sent)
    return found


def _sent(message: Message) -> datetime:
    value = header_of(message).first(b"date")
    return (sent_date(value) if value else None) or message.internal_date


def _subject(message: Message) -> str:
    return fold(base_subject(header_of(message).first(b"subject") or b"").text)


def _mailbox(name: bytes) -> Callable[[Message], str]:
    """Return how to find the first address's mailbox (RFC 5256 3, the ENVELOPE's ``addr-mailbox``)."""

    def find(message: Message) -> str:
        listed = addresses(header_of(message).first(name) or b"")
        return fold(decode(listed[0].mailbox or b"")) if listed else ""

    return find


def _display(name: bytes) -> Callable[[Message], str]:
    """Return how to find the first address's display name or its group's, else the address itself (RFC 5957 3)."""

    def find(message: Message) -> str:
        listed = addresses(header_of(message).first(name) or b"")
        if not listed:
            return ""
        first = listed[0]
        shown = first.mailbox if first.host is None else first.name
        return fold(readable(shown) if shown else decode(b"%b@%b" % (first.mailbox or b"", first.host or b"")))

    return find


def _cached(name: str, find: Callable[[Message], str]) -> Callable[[Message], Any]:
    return lambda message: derived(message, f"sort.{name}", find)


_KEYS: Mapping[bytes, Callable[[Message], Any]] = {
    b"ARRIVAL": lambda message: message.internal_date,
    b"CC": _cached("cc", _mailbox(b"cc")),
    b"DATE": sent,
    b"DISPLAYFROM": _cached("displayfrom", _display(b"from")),
    b"DISPLAYTO": _cached("displayto", _display(b"to")),
    b"FROM": _cached("from", _mailbox(b"from")),
    b"SIZE": lambda message: message.size,
    b"SUBJECT": _cached("subject", _subject),
    b"TO": _cached("to", _mailbox(b"to")),
}
