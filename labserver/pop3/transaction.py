"""The TRANSACTION state's commands: STAT, LIST, UIDL, RETR, TOP, DELE, NOOP, RSET (RFC 1939 5 and 7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.pop3.replies import listing, message, ok, refused, sent_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.dialogues.exchange import Reply
    from labserver.pop3.maildrop import Maildrop

__all__ = ["dele", "list_", "noop", "retr", "rset", "stat", "top", "uidl"]

_EMPTY_LINE = re.compile(rb"(?:\A|\n)\r?\n")
"""Ends the header. A bare LF counts, so that TOP is of use for messages stored with Unix line ends."""


def stat(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """Tell the number of messages and their octets."""
    yield ok(f"{len(drop)} {drop.size}")


def list_(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Tell the octets of one message or of all."""
    if not arguments[0]:
        yield from listing(
            f"{len(drop)} messages ({drop.size} octets)",
            (b"%d %d" % (each, message.size) for each, message in drop.items()),
        )
        return
    number = int(arguments[0])
    if problem := drop.problem(number):
        yield refused(problem)
    else:
        yield ok(f"{number} {drop[number].size}")


def uidl(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Tell the unique id of one message or of all."""
    if not arguments[0]:
        yield from listing("Unique ids follow", (b"%d %b" % (each, drop.unique_id(each)) for each, _ in drop.items()))
        return
    number = int(arguments[0])
    if problem := drop.problem(number):
        yield refused(problem)
    else:
        yield ok(f"{number} {drop.unique_id(number).decode()}")


def retr(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Send a message."""
    number = int(arguments[0])
    if refusal := _unreadable(drop, number):
        yield refusal
    else:
        content = drop[number].content
        yield from message(f"{sent_size(content)} octets", content)


def top(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Send a message's header, the empty line after it, and the first lines of its body."""
    number, lines = map(int, arguments)
    if refusal := _unreadable(drop, number):
        yield refusal
        return
    content = drop[number].content
    end = _header_end(content)
    for _ in range(lines):
        if end >= len(content):
            break
        end = content.find(b"\n", end) + 1 or len(content)
    yield from message("Top of the message follows", content[:end])


def dele(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Mark a message as deleted; it goes at QUIT."""
    number = int(arguments[0])
    if problem := drop.problem(number):
        yield refused(problem)
    else:
        drop.mark(number)
        yield ok(f"Message {number} is marked as deleted")


def noop(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """Do nothing."""
    yield ok("Still here")


def rset(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """Take all marks back."""
    drop.unmark()
    yield ok(f"The maildrop has {len(drop)} messages ({drop.size} octets)")


def _unreadable(drop: Maildrop, number: int) -> Reply | None:
    if problem := drop.problem(number):
        return refused(problem)
    if not drop.present(number):
        return refused(f"Message {number} was expunged by another session")
    if not drop.utf8 and _internationalized(drop[number].content):
        return refused(f"Message {number} has UTF-8 in its header: enter UTF-8 mode first", code="UTF8")
    return None


def _header_end(content: bytes) -> int:
    found = _EMPTY_LINE.search(content)
    return found.end() if found else len(content)


def _internationalized(content: bytes) -> bool:
    """Whether this must not be sent outside UTF-8 mode (RFC 6856 2.1): UTF-8 in the header (RFC 6532).

    Other 8-bit octets in a header are nobody's standard and go out as they came.
    """
    header = content[: _header_end(content)]
    if header.isascii():
        return False
    try:
        header.decode()
    except UnicodeDecodeError:
        return False
    return True
