"""What STATUS tells of a mailbox without selecting it (RFC 3501 6.3.10)."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax, beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.mailstore.mailbox import Mailbox

__all__ = ["STATUS_ITEMS", "parse_items", "status_response"]


def _recent(mailbox: Mailbox) -> int:
    return len(mailbox.messages) - bisect_left(mailbox.messages, mailbox.first_recent, key=attrgetter("uid"))


def _unseen(mailbox: Mailbox) -> int:
    return sum("\\Seen" not in message.flags for message in mailbox.messages)


STATUS_ITEMS: Mapping[bytes, Callable[[Mailbox], int]] = {
    b"MESSAGES": lambda mailbox: len(mailbox.messages),
    b"RECENT": _recent,
    b"UIDNEXT": lambda mailbox: mailbox.uid_next,
    b"UIDVALIDITY": lambda mailbox: mailbox.uid_validity,
    b"UNSEEN": _unseen,
}


def parse_items(cursor: Cursor, dialect: Dialect) -> tuple[bytes, ...]:
    """Read ``(MESSAGES UNSEEN …)``; at least one, and only those the dialect knows."""
    items = tuple(dict.fromkeys(cursor.parenthesised(cursor.atom)))
    if not items:
        raise BadSyntax("Name at least one status item")
    for item in items:
        if item not in dialect.status_items:
            raise BadSyntax(f"Unknown status item {beginning(item)}")
    return items


def status_response(name: bytes, mailbox: Mailbox, items: Iterable[bytes], session: Session) -> bytes:
    """Return the untagged STATUS response; ``name`` is the mailbox name as it is sent.

    ``RECENT`` counts what nobody was told of yet and, of the selected mailbox, what this session was the first to hear.
    """
    values = {item: session.dialect.status_items[item](mailbox) for item in items}
    if b"RECENT" in values:
        values[b"RECENT"] += session.recent(mailbox)
    told = b" ".join(b"%b %d" % value for value in values.items())
    return b"* STATUS %b (%b)\r\n" % (name, told)
