"""What long FETCH items send: octets that are brought piece by piece, while the client takes them, as often as wanted.

Each kind knows how many octets it will yield before it yields any, because a literal says so first. Finding that out
may be work; an empty piece stands for a turn that others may have in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labserver.imap.syntax import without_nul
from labserver.message.as_base64 import LINE, OF_LINE, base64_lines, base64_size
from labserver.message.selection import selected

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence

    from labserver.mailstore.message import Reading
    from labserver.message.decoded import DecodedBody

__all__ = [
    "PIECE",
    "Cut",
    "Decoded",
    "DecodedSize",
    "Encoded",
    "Line",
    "Literal",
    "Octets",
    "Replaced",
    "Selected",
    "Stretch",
]

PIECE = 1 << 16
"""Octets that are brought at a time."""
_A_TURN = 16
"""Steps of measuring before others have a turn."""

_ENDLESS = 1 << 62

_Measured = tuple[int, bool]
"""How many octets there are, and whether there is a NUL among them."""


class Octets(Protocol):
    """Octets that can be brought."""

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Return how many there will be, and whether NUL is among them; yields nothing but empty pieces."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Octets of a message as they are."""

    reading: Reading
    start: int
    end: int
    binary: bool = False
    """It is asked whether there is a NUL among them."""

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Subtract, and look for NUL where that makes a difference."""
        holds_nul = False
        if self.binary:
            for number, piece in enumerate(self, 1):
                holds_nul = b"\0" in piece
                if holds_nul:
                    break
                if not number % _A_TURN:
                    yield b""
        return max(0, self.end - self.start), holds_nul

    def __iter__(self) -> Iterator[bytes]:
        """Read piece by piece."""
        octets, end = self.reading.octets, self.end
        return (octets(start, min(start + PIECE, end)) for start in range(self.start, end, PIECE))


@dataclass(frozen=True, slots=True)
class Selected:
    """Some fields of a header."""

    reading: Reading
    start: int
    end: int
    names: Collection[bytes]
    excluding: bool

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Select, and count."""
        size = 0
        for piece in self:
            size += len(piece)
            if not piece:
                yield b""  # there may be thousands of fields in the window before
        return size, False

    def __iter__(self) -> Iterator[bytes]:
        """Select window by window."""
        return selected(self._read, self.end - self.start, self.names, excluding=self.excluding)

    def _read(self, start: int, end: int) -> bytes:
        return self.reading.octets(self.start + start, self.start + end)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Octets of a part without its transfer encoding."""

    reading: Reading
    body: int
    """Where the encoded octets begin."""
    decoded: DecodedBody
    start: int = 0
    end: int | None = None
    """None: to the end."""

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Decode, count, and look for NUL; of the whole part only once."""
        decoded = self.decoded
        if self.end is None and decoded.size is not None and decoded.holds_nul is not None:
            return decoded.size, decoded.holds_nul
        size, holds_nul = 0, False
        for number, piece in enumerate(self, 1):
            size += len(piece)
            holds_nul = holds_nul or b"\0" in piece
            if not number % _A_TURN:
                yield b""
        if self.end is None:
            decoded.holds_nul = holds_nul
        return size, holds_nul

    def __iter__(self) -> Iterator[bytes]:
        """Decode piece by piece."""
        return self.decoded.stretch(self.read, self.start, _ENDLESS if self.end is None else self.end)

    def read(self, start: int, end: int) -> bytes:
        """Return encoded octets."""
        return self.reading.octets(self.body + start, self.body + end)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Octets of a part as base64: any of them can be brought without those before."""

    reading: Reading
    body: int
    """Where the octets begin that are encoded."""
    size: int
    """How many of those there are."""
    start: int = 0
    end: int = _ENDLESS

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Calculate; base64 has no NUL."""
        yield from ()
        return max(0, min(base64_size(self.size), self.end) - self.start), False

    def __iter__(self) -> Iterator[bytes]:
        """Encode as many lines at a time as make about a piece."""
        step = PIECE // OF_LINE
        last = -(-min(self.end, base64_size(self.size)) // LINE)
        for line in range(self.start // LINE, last, step):
            end = min(self.size, min(line + step, last) * OF_LINE)
            encoded = base64_lines(self.reading.octets(self.body + line * OF_LINE, self.body + end))
            encoded += b"\r\n" if end < self.size else b""
            yield encoded[max(0, self.start - line * LINE) : self.end - line * LINE]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A stretch with something else in place of a part of it."""

    before: Stretch
    instead: bytes
    after: Stretch

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Add."""
        before, _ = yield from self.before.measure()
        after, _ = yield from self.after.measure()
        return before + len(self.instead) + after, False

    def __iter__(self) -> Iterator[bytes]:
        """Bring one after the other."""
        yield from self.before
        yield self.instead
        yield from self.after


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of other octets that can only be brought in their order."""

    octets: Octets
    start: int
    end: int

    def measure(self) -> Generator[bytes, None, _Measured]:
        """Have the others measured."""
        size, holds_nul = yield from self.octets.measure()
        return max(0, min(size, self.end) - self.start), holds_nul

    def __iter__(self) -> Iterator[bytes]:
        """Pass over what is not wanted."""
        at = 0
        for piece in self.octets:
            yield piece[max(0, self.start - at) : max(0, self.end - at)]
            at += len(piece)
            if at >= self.end:
                return


@dataclass(frozen=True, slots=True)
class Literal:
    """A FETCH item whose value is octets: its name, how many there are, and they themselves."""

    label: bytes
    octets: Octets
    binary: bool = False
    """A literal8 where there is a NUL (RFC 3516 4.2)."""
    short: bool = False
    """There are so few that they are brought once, and counted then."""

    def __iter__(self) -> Iterator[bytes]:
        """Announce, then bring."""
        octets: Iterable[bytes] = self.octets
        if self.short:
            brought = []
            for piece in octets:
                brought.append(piece)
                if not piece:
                    yield b""
            size, holds_nul = sum(map(len, brought)), any(b"\0" in piece for piece in brought)
            octets = filter(None, brought)
        else:
            size, holds_nul = yield from self.octets.measure()
        yield b"%b %b{%d}\r\n" % (self.label, b"~" if self.binary and holds_nul else b"", size)
        yield from octets if self.binary else map(without_nul, octets)


@dataclass(frozen=True, slots=True)
class DecodedSize:
    """How long a part is without its transfer encoding; nothing is kept of it."""

    label: bytes
    octets: Decoded

    def __iter__(self) -> Iterator[bytes]:
        """Decode, count, and say it."""
        decoded = self.octets.decoded
        for number, _ in enumerate(decoded.measured(self.octets.read), 1):
            if not number % _A_TURN:
                yield b""
        yield b"%b %d" % (self.label, decoded.size or 0)


@dataclass(frozen=True, slots=True)
class Line:
    """What follows ``* n FETCH (``: items with spaces between them, and the end of the line."""

    items: Sequence[bytes | Iterable[bytes]]

    def __iter__(self) -> Iterator[bytes]:
        """Bring one item after the other."""
        for index, item in enumerate(self.items):
            if index:
                yield b" "
            if isinstance(item, bytes):
                yield item
            else:
                yield from item
        yield b")\r\n"
