"""From application bytes to units: lines, IMAP commands with literals, SMTP mail data.

A framer is fed bytes and asked for the next unit. What it waits for next is set by whoever drives the dialogue
(``expect_line``, ``expect_data`` …), so that a reply and the bytes that follow it are never confused. Every framer is
bounded: what exceeds its limit is swallowed up to the point where the dialogue can go on, and reported as such.

A bare LF ends a command line, because people type at ``nc``; it never ends mail data (RFC 5321 2.3.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ["Framed", "Framer", "ImapFramer", "LiteralRequest", "Overflow", "Unit"]

_LITERAL = re.compile(rb"~?\{(\d{1,19})(\+?)\}\Z")
_END_OF_DATA = b"\r\n.\r\n"
_LONGEST_ANNOUNCEMENT = 32
"""Octets that hold a literal's announcement and the line's end, with room to spare."""
_MOST_SKIPPED = 1 << 30
"""An unasked literal beyond this is not swallowed any more; the dialogue ends."""
_ENDLESS = 16
"""Text of more than so many times the limit is not swallowed any more; the dialogue ends."""


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
            if len(self._buffer) > limit * 4 // 3 + len(_END_OF_DATA):  # ".\r\n" is stuffed to four octets
                self._data_overflow = True
                del self._buffer[: -len(_END_OF_DATA)]
                self._scanned = len(self._buffer)
            return None
        stuffed = self._take(end + len(_END_OF_DATA))[: -(len(_END_OF_DATA) - 2)]
        content = stuffed.removeprefix(b".").replace(b"\r\n.", b"\r\n")
        overflow = self._data_overflow or len(content) > limit
        self.expect_command()
        if overflow:
            return Overflow(parts=(b"",), limit=limit, literal=True)
        return Framed(parts=(content,), raw=stuffed)


class ImapFramer(Framer):
    """Lines with literals in them: RFC 9051 4.3, LITERAL+ (RFC 7888) and literal8 (RFC 3516).

    A synchronizing literal is reported as a :class:`LiteralRequest`; the driver answers with :meth:`grant` or
    :meth:`refuse`. ``literal_limit`` may be changed at any time (it is small before authentication).

    A command that exceeds a limit is *doomed*: the rest of it, literals the client sends unasked included, is swallowed
    without being kept, so that none of it is taken for a command; then it is reported as an overflow.
    """

    def __init__(self, *, line_limit: int, literal_limit: int) -> None:
        super().__init__(line_limit=line_limit)
        self.literal_limit = literal_limit
        self._plain_lines = False
        self._dead = False
        self._parts: list[bytes] = []
        self._raw: list[bytes] = []
        self._text_size = 0
        self._literal_size = 0
        self._pending: int | None = None
        self._doomed: Overflow | None = None

    def feed(self, data: bytes) -> None:
        """Append what the client sent; after a fatal overflow nothing counts any more."""
        if not self._dead:
            super().feed(data)

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
        self._parts, self._raw = [], []
        self._text_size, self._literal_size = 0, 0
        self._pending, self._doomed = None, None

    def grant(self) -> None:
        """Accept the literal announced last; its octets are awaited."""
        self._scanned = 0

    def refuse(self) -> None:
        """Refuse the literal announced last; the client starts a new command (RFC 9051 4.3)."""
        self._reset()

    def next(self) -> Unit | None:
        """Return the next command, line, literal request or overflow; None until more bytes come."""
        if self._plain_lines:
            return self._next_line()
        unit: Unit | None = None
        while unit is None and not self._dead and self._literal_complete():
            text = self._next_text()
            if text is None:
                break
            unit = text if isinstance(text, Overflow) else self._after(text)
        return unit

    def _literal_complete(self) -> bool:
        """Take, or swallow, the literal that is due; False until all of it has come."""
        if self._pending is None:
            return True
        if self._doomed is not None:
            dropped = min(self._pending, len(self._buffer))
            del self._buffer[:dropped]
            self._pending -= dropped
            if self._pending:
                return False
        elif len(self._buffer) < self._pending:
            return False
        else:
            literal = self._take(self._pending)
            self._parts.append(literal)
            self._raw.append(literal)
            self._literal_size += len(literal)
        self._pending = None
        return True

    def _next_text(self) -> bytes | Overflow | None:
        """Take text up to the line's end, which is not part of it; a doomed command's is only its end."""
        end = self._buffer.find(b"\n", self._scanned)
        # Without a line's end in sight the last octet may still be the CR of one.
        known = len(self._buffer) - 1 if end < 0 else end - (self._buffer[max(0, end - 1) : end] == b"\r")
        if self._text_size + known > self._line_limit * _ENDLESS:
            return self._die(literal=False)
        if self._text_size + known > self._line_limit and self._doomed is None:
            first = self._parts[0] if self._parts else bytes(self._buffer[: min(128, self._line_limit)])
            self._doom(Overflow(parts=(first,), limit=self._line_limit))
        if end < 0:
            self._forget_text()
            self._scanned = len(self._buffer)
            return None
        raw = self._take(end + 1)
        text = without_line_end(raw)
        self._text_size += len(text)
        if self._doomed is None:
            self._raw.append(raw)
            self._parts.append(text)
        return text

    def _after(self, text: bytes) -> Unit | None:
        """Return what ``text`` completes; None when a literal follows that the client sends unasked."""
        literal = _LITERAL.search(text)
        if literal is None:
            return self._complete()
        size, unasked = int(literal.group(1)), bool(literal.group(2))
        if not unasked and self._doomed is not None:
            return self._complete()
        if unasked and size > _MOST_SKIPPED:
            return self._die(literal=True)
        if unasked and size > self.literal_limit - self._literal_size and self._doomed is None:
            self._doom(Overflow(parts=tuple(self._parts[:1]), limit=self.literal_limit, literal=True))
        self._pending = size
        return None if unasked else LiteralRequest(parts=tuple(self._parts), size=size)

    def _complete(self) -> Framed | Overflow:
        unit = self._doomed or Framed(parts=tuple(self._parts), raw=b"".join(self._raw))
        self._reset()
        return unit

    def _doom(self, overflow: Overflow) -> None:
        self._parts, self._raw = [], []
        self._doomed = overflow

    def _forget_text(self) -> None:
        """Keep only as much of a doomed command's text as a literal's announcement needs."""
        surplus = len(self._buffer) - _LONGEST_ANNOUNCEMENT
        if self._doomed is not None and surplus > 0:
            del self._buffer[:surplus]
            self._text_size += surplus

    def _die(self, *, literal: bool) -> Overflow:
        known = self._doomed or Overflow(
            parts=tuple(self._parts[:1]) or (bytes(self._buffer[: min(128, self._line_limit)]),),
            limit=self.literal_limit if literal else self._line_limit,
            literal=literal,
        )
        self._dead = True
        self._buffer.clear()
        self._reset()
        return replace(known, fatal=True)


def without_line_end(line: bytes) -> bytes:
    """Return ``line`` without its final CRLF or LF."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(b"\n") else line
