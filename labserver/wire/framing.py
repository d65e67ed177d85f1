"""From application bytes to units: lines, IMAP commands with literals, SMTP mail data.

A framer is fed bytes and asked for the next unit. What it waits for next is set by whoever drives the dialogue
(``expect_line``, ``expect_data`` …), so that a reply and the bytes that follow it are never confused. Every framer is
bounded: what exceeds its limit is swallowed up to the point where the dialogue can go on, and reported as such.

A bare LF ends a command line, because people type at ``nc``; it never ends mail data (RFC 5321 2.3.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Framed", "Framer", "ImapFramer", "LiteralRequest", "Overflow", "Unit"]

_LITERAL = re.compile(rb"~?\{(\d{1,19})(\+?)\}\Z")
_END_OF_DATA = b"\r\n.\r\n"
_MOST_SKIPPED = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """One complete unit from the client."""

    parts: tuple[bytes, ...]
    """The line without its ending; for IMAP text, literal, text, literal … text; for data one part, the content."""
    raw: bytes
    """Every octet as it arrived, line endings and literals included; for mail data still dot-stuffed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralRequest:
    """A synchronizing IMAP literal is announced: the client waits for ``+`` or a refusal (RFC 9051 4.3)."""

    parts: tuple[bytes, ...]
    """What came so far; the last part ends with the literal's announcement."""
    size: int
    """The announced size in octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A unit was larger than its limit. ``fatal``: the dialogue cannot be continued."""

    parts: tuple[bytes, ...]
    """The beginning of what came, for the tag or the verb."""
    limit: int
    fatal: bool = False
    literal: bool = False
    """It was a literal (or mail data) rather than a line."""


Unit = Framed | LiteralRequest | Overflow


class Framer:
    """Lines, mail data (SMTP DATA) and counted chunks (SMTP BDAT)."""

    def __init__(self, *, line_limit: int) -> None:
        self._buffer = bytearray()
        self._line_limit = line_limit
        self._scanned = 0
        self._skipping = False
        self._data_limit: int | None = None
        self._data_overflow = False
        self._chunk: tuple[int, int] | None = None
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Append what the client sent."""
        self._buffer += data

    def clear(self) -> bytes:
        """Forget everything that was not consumed, and return it (a STARTTLS boundary, RFC 3207 4.2)."""
        left = bytes(self._buffer)
        self._buffer.clear()
        self.expect_command()
        return left

    def expect_command(self) -> None:
        """Frame command lines from here on (also the state at the start)."""
        self._scanned = 0
        self._skipping = False
        self._data_limit = None
        self._data_overflow = False
        self._chunk = None
        self._skipped = 0

    def expect_line(self) -> None:
        """Frame the next line as it is, without any syntax of the protocol (SASL responses, IDLE's DONE)."""
        self.expect_command()

    def expect_data(self, limit: int) -> None:
        """Frame dot-stuffed data up to CRLF.CRLF (RFC 5321 4.1.1.4); more than ``limit`` octets overflow."""
        self.expect_command()
        self._data_limit = limit

    def expect_chunk(self, size: int, limit: int) -> None:
        """Frame exactly ``size`` octets (RFC 3030); they are swallowed and overflow if ``size`` exceeds ``limit``."""
        self.expect_command()
        self._chunk = (size, limit)

    def next(self) -> Unit | None:
        """Return the next complete unit, or None until more bytes come."""
        if self._chunk is not None:
            return self._next_chunk(*self._chunk)
        if self._data_limit is not None:
            return self._next_data(self._data_limit)
        return self._next_line()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._scanned = 0
        return taken

    def _next_line(self) -> Unit | None:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            if len(self._buffer) > self._line_limit:
                del self._buffer[self._line_limit :]
                self._scanned = len(self._buffer)
                self._skipping = True
            return None
        start = self._take(end + 1)
        if self._skipping or len(start) > self._line_limit:
            self._skipping = False
            return Overflow(parts=(start[: min(128, self._line_limit)],), limit=self._line_limit)
        return Framed(parts=(without_line_end(start),), raw=start)

    def _next_chunk(self, size: int, limit: int) -> Unit | None:
        if size <= limit:
            if len(self._buffer) < size:
                return None
            content = self._take(size)
            self.expect_command()
            return Framed(parts=(content,), raw=content)
        dropped = min(size - self._skipped, len(self._buffer))
        del self._buffer[:dropped]
        self._skipped += dropped
        if self._skipped < size:
            return None
        self.expect_command()
        return Overflow(parts=(b"",), limit=limit, literal=True)

    def _next_data(self, limit: int) -> Unit | None:
        if self._buffer.startswith(b".\r\n") and not self._data_overflow and self._scanned < len(b".\r\n"):
            self._take(3)
            self.expect_command()
            return Framed(parts=(b"",), raw=b"")
        end = self._buffer.find(_END_OF_DATA, max(0, self._scanned - len(_END_OF_DATA)))
        if end < 0:
            self._scanned = len(self._buffer)
            if len(self._buffer) > limit + len(_END_OF_DATA):
                self._data_overflow = True
                del self._buffer[: -len(_END_OF_DATA)]
                self._scanned = len(self._buffer)
            return None
        stuffed = self._take(end + len(_END_OF_DATA))[: -(len(_END_OF_DATA) - 2)]
        overflow = self._data_overflow or len(stuffed) > limit + stuffed.count(b"\r\n.") + 1
        self.expect_command()
        if overflow:
            return Overflow(parts=(b"",), limit=limit, literal=True)
        content = stuffed.removeprefix(b".").replace(b"\r\n.", b"\r\n")
        return Framed(parts=(content,), raw=stuffed)


class ImapFramer(Framer):
    """Lines with literals in them: RFC 9051 4.3, LITERAL+ (RFC 7888) and literal8 (RFC 3516).

    A synchronizing literal is reported as a :class:`LiteralRequest`; the driver answers with :meth:`grant` or
    :meth:`refuse`. ``literal_limit`` may be changed at any time (it is small before authentication).
    """

    def __init__(self, *, line_limit: int, literal_limit: int) -> None:
        super().__init__(line_limit=line_limit)
        self.literal_limit = literal_limit
        self._parts: list[bytes] = []
        self._raw: list[bytes] = []
        self._text_size = 0
        self._pending: int | None = None
        self._skip = 0
        self._too_large = False
        self._plain_lines = False
        self._dead = False

    def expect_command(self) -> None:
        """Frame commands with literals."""
        super().expect_command()
        self._plain_lines = False
        self._reset()

    def expect_line(self) -> None:
        """Frame the next line as it is."""
        super().expect_command()
        self._plain_lines = True
        self._reset()

    def _reset(self) -> None:
        self._parts, self._raw, self._text_size = [], [], 0
        self._pending, self._skip, self._too_large = None, 0, False

    def grant(self) -> None:
        """Accept the literal announced last; its octets are awaited."""
        self._scanned = 0

    def refuse(self) -> None:
        """Refuse the literal announced last; the client starts a new command (RFC 9051 4.3)."""
        self._reset()

    def next(self) -> Unit | None:
        """Return the next command, line, literal request or overflow; None until more bytes come."""
        if self._plain_lines:
            return super()._next_line()
        while not self._dead:
            if self._skip and not self._swallow():
                return None
            if self._pending is not None and not self._take_literal(self._pending):
                return None
            end = self._buffer.find(b"\n", self._scanned)
            room = self._line_limit - self._text_size
            if (end if end >= 0 else len(self._buffer)) > room:
                return self._line_overflow(end)
            if end < 0:
                self._scanned = len(self._buffer)
                return None
            unit = self._take_text(end)
            if unit is not None:
                return unit
        return None

    def _line_overflow(self, end: int) -> Overflow:
        first = self._parts[0] if self._parts else bytes(self._buffer[:128])
        if end < 0:
            self._dead = True
            self._buffer.clear()
        else:
            self._take(end + 1)
        self._reset()
        return Overflow(parts=(first,), limit=self._line_limit, fatal=end < 0)

    def _take_text(self, end: int) -> Unit | None:
        raw = self._take(end + 1)
        text = without_line_end(raw)
        self._raw.append(raw)
        self._parts.append(text)
        self._text_size += len(text)
        literal = _LITERAL.search(text)
        if literal is None:
            parts, whole, too_large = tuple(self._parts), b"".join(self._raw), self._too_large
            self._reset()
            if too_large:
                return Overflow(parts=parts[:1], limit=self.literal_limit, literal=True)
            return Framed(parts=parts, raw=whole)
        size = int(literal.group(1))
        synchronizing = not literal.group(2)
        if size > self._literal_room() and not synchronizing:
            if size > _MOST_SKIPPED:
                parts, self._dead = tuple(self._parts[:1]), True
                self._reset()
                return Overflow(parts=parts, limit=self.literal_limit, fatal=True, literal=True)
            self._skip, self._too_large = size, True
            return None
        self._pending = size
        return LiteralRequest(parts=tuple(self._parts), size=size) if synchronizing else None

    def _literal_room(self) -> int:
        """All literals of one command together stay below the limit, so that many small ones are no way around it."""
        return self.literal_limit - sum(len(part) for part in self._parts[1::2])

    def _swallow(self) -> bool:
        dropped = min(self._skip, len(self._buffer))
        del self._buffer[:dropped]
        self._scanned = 0
        self._skip -= dropped
        if not self._skip:
            self._parts.append(b"")
        return not self._skip

    def _take_literal(self, size: int) -> bool:
        if len(self._buffer) < size:
            return False
        literal = self._take(size)
        self._parts.append(literal)
        self._raw.append(literal)
        self._pending = None
        return True


def without_line_end(line: bytes) -> bytes:
    """Return ``line`` without its final CRLF or LF."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(b"\n") else line
