"""The TRANSACTION state's commands: STAT, LIST, UIDL, RETR, TOP, DELE, NOOP, RSET (RFC 1939 5 and 7)."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING

from labserver.message.downgrade import downgraded
from labserver.pop3.replies import PIECE, Text, listing, message, ok, refused
from labserver.pop3.spliced import Spliced
from labserver.wire.actions import GiveWay

if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Callable, Generator, Iterator, Sequence

    from labserver.dialogues.exchange import Reply
    from labserver.mailstore.message import Message, Reading
    from labserver.pop3.maildrop import Maildrop

    Steps = Iterator[Reply | GiveWay]

__all__ = ["dele", "list_", "noop", "retr", "rset", "stat", "top", "uidl"]

_EMPTY_LINE = re.compile(rb"\n\r?\n")
"""Ends the header. A bare LF counts, so that TOP is of use for messages stored with Unix line ends."""
_A_TURN = 16
"""Windows of a header that are looked at before others have a turn."""


def stat(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """Tell the number of messages and their octets."""
    yield ok(f"{len(drop)} {drop.size}")


def list_(drop: Maildrop, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Tell the octets of one message or of all."""
    if not arguments[0]:
        yield listing(
            f"{len(drop)} messages ({drop.size} octets)",
            _Each(drop, lambda each, message: b"%d %d" % (each, message.size)),
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
        validity = drop.validity
        unique_ids = _Each(drop, lambda each, message: b"%d %d.%d" % (each, validity, message.uid))
        yield listing("Unique ids follow", unique_ids)
        return
    number = int(arguments[0])
    if problem := drop.problem(number):
        yield refused(problem)
    else:
        yield ok(f"{number} {drop.unique_id(number).decode()}")


def retr(drop: Maildrop, arguments: Sequence[bytes]) -> Steps:
    """Send a message."""
    header = yield from _readable(drop, int(arguments[0]))
    if header is not None:
        text = Text(header.reading, header.size)
        yield message(f"{text.sent_size} octets", text)


def top(drop: Maildrop, arguments: Sequence[bytes]) -> Steps:
    """Send a message's header, the empty line after it, and the first lines of its body."""
    number, lines = map(int, arguments)
    header = yield from _readable(drop, number)
    if header is not None:
        yield message("Top of the message follows", Text(header.reading, header.size, header.end, lines))


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


def _readable(drop: Maildrop, number: int) -> Generator[Reply | GiveWay, None, _Header | None]:
    """Return a message's header if the message can be sent, else say why not."""
    if problem := drop.problem(number):
        yield refused(problem)
    elif not drop.present(number):
        yield refused(f"Message {number} was expunged by another session")
    else:
        header = _Header(drop[number])
        if header.size <= PIECE:
            header.look(header.reading.octets(0, header.size))
        else:
            yield from header.read()
        if not drop.utf8 and header.internationalized and _is_international(drop[number]):
            yield from header.downgrade(drop[number])
        return header
    return None


def _is_international(message: Message) -> bool:
    """Return whether a message came as RFC 6532 allows it, by SMTPUTF8 or APPEND UTF8, and not with raw octets only."""
    envelope = message.envelope
    return envelope is not None and "SMTPUTF8" in envelope.parameters


@dataclass(frozen=True, slots=True)
class _Each:
    """A line for each message that is not marked as deleted."""

    drop: Maildrop
    line: Callable[[int, Message], bytes]

    def __len__(self) -> int:
        return len(self.drop)

    def __iter__(self) -> Iterator[bytes]:
        return starmap(self.line, self.drop.items())


class _Header:
    """Where a message's header ends, and whether there is UTF-8 in it.

    Mail that was sent so by the standard (RFC 6532) is not for clients outside UTF-8 mode (RFC 6856 2.1), and is
    downgraded for them (RFC 6857). Other 8-bit octets are nobody's standard and go out as they came.
    """

    def __init__(self, message: Message) -> None:
        self.reading: Reading = message.reading()
        self.size = message.size
        self.end = message.size
        self.internationalized = False

    def look(self, content: bytes) -> None:
        """Find out, all octets being there."""
        found = _EMPTY_LINE.search(b"\n" + content)
        self.end = found.end() - 1 if found else self.size
        header = content[: self.end]
        self.internationalized = not header.isascii() and _decodes(getincrementaldecoder("utf-8")(), header, final=True)

    def read(self) -> Iterator[GiveWay]:
        """Find out, window by window."""
        decoder: IncrementalDecoder | None = None
        before, valid = b"\n", True
        for number, start in enumerate(range(0, self.size, PIECE), 1):
            window = self.reading.octets(start, min(start + PIECE, self.size))
            found = _EMPTY_LINE.search(before + window)
            if found is not None:
                self.end = start - len(before) + found.end()
                window = window[: self.end - start]
            if decoder is None and not window.isascii():
                decoder = getincrementaldecoder("utf-8")()
            if decoder is not None and valid:
                valid = _decodes(decoder, window, final=found is not None or start + PIECE >= self.size)
            if found is not None:
                break
            before = (before + window)[-2:]
            if not number % _A_TURN:
                yield GiveWay()
        self.internationalized = valid and decoder is not None

    def downgrade(self, message: Message) -> Iterator[GiveWay]:
        """Read the message with its headers in ASCII instead."""
        spliced = Spliced(message.content, downgraded(message.content))
        yield GiveWay()
        self.reading, self.size, self.end = spliced, len(spliced), spliced.moved(self.end)


def _decodes(decoder: IncrementalDecoder, window: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(window, final)
    except UnicodeDecodeError:
        return False
    return True
