"""SORT: criteria and the order they make (RFC 5256 3 and 2.2, RFC 5957 for DISPLAYFROM and DISPLAYTO).

Texts compare by their titlecased form, which is ``i;unicode-casemap`` (RFC 5051). What a criterion finds in a
message is left with it (``message.keep``), because clients sort the same mailbox again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from labserver.effort import GIVE_WAY, MESSAGE
from labserver.errors import StoreError
from labserver.imap.cursor import BadSyntax, beginning
from labserver.message.addresses import addresses
from labserver.message.charsets import decode, titlecased
from labserver.message.dates import sent_date
from labserver.message.header import MOST_OCTETS, Header, header_end
from labserver.message.subject import base_subject
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from labserver.effort import Effort, Work
    from labserver.imap.cursor import Cursor
    from labserver.mailstore.message import Message
    from labserver.message.addresses import Address

__all__ = ["DISPLAY_CRITERIA", "SENT", "Criterion", "Key", "header_of", "in_order", "parse_criteria", "sent", "sort"]

T = TypeVar("T")

_RUN = 4_096
"""Pairs that are sorted at once."""
_SORTED, _MERGED = 64, 16
"""Units of work for each pair in a run that is sorted, and in two that are merged."""
_READ = 1_024
"""Units for a header field of a message, besides its header's octets."""
_COUNTED = 1 << 14
"""Units that are counted at a time."""
_LONGEST_KEY = 1_000
"""Characters of a text that messages are sorted by."""
_FIRST_ADDRESS = 1 << 13
"""Octets of a field in which its first address is looked for."""


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


def sort(
    found: Sequence[tuple[int, Message]], criteria: Sequence[Criterion], effort: Effort
) -> Work[list[tuple[int, Message]]]:
    """Put ``found`` in the order of ``criteria``, in turns; what they leave equal is in mailbox order (RFC 5256 3)."""
    ordered = sorted(found, key=itemgetter(0))
    first_of_each = {criterion.name: criterion for criterion in reversed(criteria)}
    for criterion in sorted(first_of_each.values(), key=criteria.index, reverse=True):
        # A stable sort per criterion, the last first; reverse=True keeps equal messages in their order.
        keyed = yield from _keyed(ordered, _KEYS[criterion.name], effort)
        keyed = yield from in_order(keyed, effort, reverse=criterion.reverse)
        ordered = [hit for _, hit in keyed]
    return ordered


def in_order(keyed: list[tuple[Any, T]], effort: Effort, *, reverse: bool = False) -> Work[list[tuple[Any, T]]]:
    """Sort pairs by what is first in them, in turns and stably: short runs, then two at a time."""
    runs = []
    for start in range(0, len(keyed), _RUN):
        runs.append(sorted(keyed[start : start + _RUN], key=itemgetter(0), reverse=reverse))
        if effort.spend(_SORTED * len(runs[-1])):
            yield GIVE_WAY
    while len(runs) > 1:
        merged = []
        for start in range(0, len(runs), 2):
            both = list(chain(*runs[start : start + 2]))
            both.sort(key=itemgetter(0), reverse=reverse)  # which finds two runs, and merges them
            merged.append(both)
            if effort.spend(_MERGED * len(both)):
                yield GIVE_WAY
        runs = merged
    return runs[0] if runs else []


def _keyed(hits: list[tuple[int, Message]], key: Key, effort: Effort) -> Work[list[tuple[Any, tuple[int, Message]]]]:
    keyed, spent = [], 0
    for hit in hits:
        value, cost = key.of(hit[1])
        keyed.append((value, hit))
        spent += cost
        if spent >= _COUNTED:
            if effort.spend(spent):
                yield GIVE_WAY
            spent = 0
    if effort.spend(spent):
        yield GIVE_WAY
    return keyed


@dataclass(frozen=True, slots=True)
class Key:
    """What is found in a message: each time, or once where it has a ``name`` in the message's cache."""

    find: Callable[[Message], Any]
    """What has a name is found in the octets alone, and is never None."""
    name: str = ""
    otherwise: Callable[[Message], Any] | None = None
    """Returns what stands for a value that is false."""

    def of(self, message: Message) -> tuple[Any, int]:
        """Return it, and the units of work it took."""
        if not self.name:
            return self.find(message), MESSAGE
        found, cost = message.known(self.name), MESSAGE
        if found is None:
            found, cost = self.find(message), _READ + min(message.size, MOST_OCTETS)
            message.keep(self.name, found)
        if not found and self.otherwise is not None:
            found = self.otherwise(message)
        return found, cost


def header_of(message: Message) -> Header:
    """Return the message's header; an empty one when its octets are gone because another session expunged it."""
    try:
        content = message.content
    except StoreError as error:
        if error.code != "EXPUNGEISSUED":
            raise
        content = b""
    return Header(content, 0, header_end(content, within=MOST_OCTETS))


def sent(message: Message) -> datetime:
    """Return the sent date (RFC 5256 2.2): the Date field's, or the internal date without a valid one."""
    found: datetime = SENT.of(message)[0]
    return found


def _sent(message: Message) -> datetime | bytes:
    """Return the date that a message says; empty without a valid one, because copies can have other internal dates."""
    value = header_of(message).first(b"date")
    return (sent_date(value) if value else None) or b""


def _subject(message: Message) -> str:
    return _folded(base_subject(header_of(message).first(b"subject") or b"").text)


def _folded(text: str) -> str:
    """Return what a text is compared by: its beginning, so that comparing many that are long and alike is not slow."""
    return titlecased(text[:_LONGEST_KEY])[:_LONGEST_KEY]


def _first_address(message: Message, name: bytes) -> Address | None:
    value = header_of(message).first(name) or b""
    return next(iter(addresses(value[:_FIRST_ADDRESS], most=1)), None)


def _mailbox(name: bytes) -> Callable[[Message], str]:
    """Return how to find the first address's mailbox (RFC 5256 3, the ENVELOPE's ``addr-mailbox``)."""

    def find(message: Message) -> str:
        first = _first_address(message, name)
        return _folded(decode(first.mailbox or b"")) if first else ""

    return find


def _display(name: bytes) -> Callable[[Message], str]:
    """Return how to find the first address's display name or its group's, else the address itself (RFC 5957 3)."""

    def find(message: Message) -> str:
        first = _first_address(message, name)
        if first is None:
            return ""
        shown = first.mailbox if first.host is None else first.name
        return _folded(readable(shown) if shown else decode(b"%b@%b" % (first.mailbox or b"", first.host or b"")))

    return find


SENT = Key(_sent, "sort.date", lambda message: message.internal_date)
"""The sent date, which threading sorts by as well."""
_KEYS: Mapping[bytes, Key] = {
    b"ARRIVAL": Key(lambda message: message.internal_date),
    b"CC": Key(_mailbox(b"cc"), "sort.cc"),
    b"DATE": SENT,
    b"DISPLAYFROM": Key(_display(b"from"), "sort.displayfrom"),
    b"DISPLAYTO": Key(_display(b"to"), "sort.displayto"),
    b"FROM": Key(_mailbox(b"from"), "sort.from"),
    b"SIZE": Key(lambda message: message.size),
    b"SUBJECT": Key(_subject, "sort.subject"),
    b"TO": Key(_mailbox(b"to"), "sort.to"),
}
