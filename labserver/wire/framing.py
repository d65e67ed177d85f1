"""From application bytes to units: lines, IMAP commands with literals, SMTP mail data.

A framer is fed bytes and asked for the next unit. What it waits for next is set by whoever drives the dialogue
(``expect_line``, ``expect_data`` …), so that a reply and the bytes that follow it are never confused. Every framer is
bounded: what exceeds its limit is swallowed up to the point where the dialogue can go on, and reported as such.

What may be large (mail data, chunks, an IMAP message) goes to a :class:`Sink` as it comes, and is not kept here.

A bare LF ends a command line, because people type at ``nc``; it never ends mail data (RFC 5321 2.3.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol

from labserver.values import quick

__all__ = ["SHOWN", "Framed", "Framer", "ImapFramer", "LiteralRequest", "Overflow", "Sink", "Unit"]

_LITERAL = re.compile(rb"~?\{(\d{1,19})(\+?)\}\Z")
_END_OF_DATA = b"\r\n.\r\n"
_LONE_DOTS = (b".", b".\r", b".\r\n")
"""What the end of data is at its very start, behind the line end of the command; or may become."""
_LONGEST_ANNOUNCEMENT = 32
"""Octets that hold a literal's announcement and the line's end, with room to spare."""
_MOST_SKIPPED = 1 << 30
"""An unasked literal beyond this is not swallowed any more; the dialogue ends."""
_FEW = 1 << 12
"""Octets up to which two copies are cheaper than a view."""
_LITERALS_AT_ONCE = 512
"""Literals that are framed at a time, a few milliseconds: a segment may hold thousands."""
_ENDLESS = 16
"""Text of more than so many times the limit is not swallowed any more; the dialogue ends."""
SHOWN = 32_768
"""Octets of what goes to a sink that its unit shows as well."""


class Sink(Protocol):
    """Takes what may be large, as it comes."""

    def write(self, octets: bytes, sent: bytes) -> None:
        """Take the next octets of the content; ``sent`` is how they were sent, dot-stuffed where that is done."""

    def drop(self) -> None:
        """Forget them: it is too much, or it will never be complete."""


class _Gathered:
    """The sink of who wants the content as a part of the unit."""

    def __init__(self) -> None:
        self.content = b""
        self._pieces: list[bytes] = []

    def write(self, octets: bytes, sent: bytes) -> None:  # noqa: ARG002 -- the interface's
        self._pieces.append(octets)

    def drop(self) -> None:
        self._pieces.clear()

    def parts(self) -> tuple[bytes, ...]:
        return (b"".join(self._pieces),)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """One complete unit from the client."""

    parts: tuple[bytes, ...]
    """The line without its ending; for IMAP text, literal, text, literal … text; for data one part, the content.

    What went to a sink is empty here."""
    raw: bytes
    """Every octet as it arrived, line endings and literals included; for mail data still dot-stuffed."""
    elided: int = 0
    """Octets that ``raw`` lacks: only the beginning of what went to a sink is in it."""
    sinks: tuple[tuple[int, Sink], ...] = ()
    """Where IMAP literals went, with their places among the parts."""

    @property
    def size(self) -> int:
        """Octets that arrived."""
        return len(self.raw) + self.elided


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralRequest:
    """An IMAP literal is announced that the client waits for being granted or refused (RFC 9051 4.3).

    Or it does not wait (``unasked``, RFC 7888), and the literal is larger than the framer keeps without a sink.
    """

    parts: tuple[bytes, ...]
    """What came so far; the last part ends with the literal's announcement."""
    size: int
    """The announced size in octets."""
    unasked: bool = False
    sinks: tuple[tuple[int, Sink], ...] = ()
    """Where earlier literals of the command went, with their places among the parts."""


@quick
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


class _Shown:
    """The beginning of what goes to a sink, and how much there was."""

    def __init__(self, most: int) -> None:
        self.octets = b""
        self.size = 0
        self._most = most

    def note(self, sent: bytes) -> None:
        room = self._most - len(self.octets)
        if len(sent) <= room and not self.octets:
            self.octets = sent
        elif room > 0:
            self.octets += sent[:room]
        self.size += len(sent)

    @property
    def elided(self) -> int:
        return self.size - len(self.octets)


class Framer:
    """Lines, mail data (SMTP DATA) and counted chunks (SMTP BDAT).

    ``shown``: octets of what goes to a sink that its unit has as well.
    """

    busy = False
    """The last :meth:`next` returned None although it needs no more bytes to go on: others are to have their turn."""

    def __init__(self, *, line_limit: int, shown: int = SHOWN) -> None:
        self._buffer = bytearray()
        self._line_limit = line_limit
        self._most_shown = shown
        self._scanned = 0
        self._skipping = False
        self._data_limit: int | None = None
        self._overflow = False
        self._chunk: tuple[int, int] | None = None
        self._taken = 0
        """Octets of data or of a chunk that came, as they were sent."""
        self._content = 0
        """Octets of data without their stuffing."""
        self._sink: Sink | None = None
        self._shown: _Shown | None = None

    @property
    def held(self) -> int:
        """Octets that are kept here for a unit that is not complete, or was not asked for yet."""
        return len(self._buffer) + (0 if self._shown is None else len(self._shown.octets))

    def feed(self, data: bytes) -> None:
        """Append what the client sent."""
        self._buffer += data

    def clear(self) -> bytes:
        """Forget everything that was not consumed, and return it (a STARTTLS boundary, RFC 3207 4.2).

        Of what went to a sink, that is what its unit would have shown.
        """
        left = self._beginning() + bytes(self._buffer)
        sink = self._sink
        self._buffer.clear()
        self.expect_command()
        if sink is not None:
            sink.drop()
        return left

    def expect_command(self) -> None:
        """Frame command lines from here on (also the state at the start)."""
        self._scanned = 0
        self._skipping = False
        self._data_limit = None
        self._overflow = False
        self._chunk = None
        self._taken = 0
        self._content = 0
        self._sink = None
        self._shown = None

    def expect_line(self) -> None:
        """Frame the next line as it is, without any syntax of the protocol (SASL responses, IDLE's DONE)."""
        self.expect_command()

    def expect_data(self, limit: int, sink: Sink | None = None) -> None:
        """Frame dot-stuffed data up to CRLF.CRLF (RFC 5321 4.1.1.4); content beyond ``limit`` octets overflows."""
        self.expect_command()
        self._data_limit = limit
        self._begin(sink)

    def expect_chunk(self, size: int, limit: int, sink: Sink | None = None) -> None:
        """Frame exactly ``size`` octets (RFC 3030); they are swallowed and overflow if ``size`` exceeds ``limit``."""
        self.expect_command()
        self._chunk = (size, limit)
        self._begin(sink)
        if size > limit:
            self._exceed()

    def next(self) -> Unit | None:
        """Return the next complete unit, or None until more bytes come."""
        if self._chunk is not None:
            return self._next_chunk(*self._chunk)
        if self._data_limit is not None:
            return self._next_data(self._data_limit)
        return self._next_line()

    def _begin(self, sink: Sink | None) -> None:
        self._sink = _Gathered() if sink is None else sink
        self._shown = _Shown(self._most_shown)

    def _beginning(self) -> bytes:
        return b"" if self._shown is None else self._shown.octets

    def _take(self, size: int) -> bytes:
        if size <= _FEW:
            taken = bytes(self._buffer[:size])
        else:
            with memoryview(self._buffer) as view:
                taken = bytes(view[:size])
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
        due = min(size - self._taken, len(self._buffer))
        if due:
            self._taken += due
            if self._overflow:
                del self._buffer[:due]
            else:
                piece = self._take(due)
                self._pass_on(piece, piece)
        return self._ended(limit) if self._taken == size else None

    def _next_data(self, limit: int) -> Unit | None:
        if not self._taken and self._buffer[:3] in _LONE_DOTS:
            if len(self._buffer) < len(b".\r\n"):
                return None
            self._take(len(b".\r\n"))
            return self._ended(limit)
        # A search for one octet is ten times as fast, and most octets of most mail are base64. The first dot that
        # begins a line is the end's, or there is stuffing: one search for both.
        buffer = self._buffer
        dot = buffer.find(b"\r\n.") if b"." in buffer else -1
        end = buffer.find(_END_OF_DATA, dot) if dot >= 0 else -1
        if end >= 0:
            self._take_data(end + len(b"\r\n"), limit, stuffed=dot < end)
            self._take(len(b".\r\n"))
            return self._ended(limit)
        known = len(buffer) - _begun(buffer)
        if known:
            self._take_data(known, limit, stuffed=dot >= 0)
        return None

    def _take_data(self, size: int, limit: int, *, stuffed: bool) -> None:
        """Pass on so many octets of data, as content. They hold whole line ends, and whole dots behind them.

        ``stuffed``: there may be a dot to take off behind one of their line ends.
        """
        if self._overflow:
            del self._buffer[:size]
            return
        sent = self._take(size)
        content = sent if self._taken else sent.removeprefix(b".")
        if stuffed:
            content = content.replace(b"\r\n.", b"\r\n")
        self._taken += size
        self._content += len(content)
        if self._content > limit:
            self._exceed()
        else:
            self._pass_on(content, sent)

    def _pass_on(self, octets: bytes, sent: bytes) -> None:
        if self._sink is not None and self._shown is not None:
            self._shown.note(sent)
            self._sink.write(octets, sent)

    def _exceed(self) -> None:
        """Keep nothing of what is too large, and swallow the rest."""
        self._overflow = True
        if self._sink is not None:
            self._sink.drop()

    def _ended(self, limit: int) -> Framed | Overflow:
        """Return the unit that data or a chunk was."""
        sink, shown, overflow = self._sink, self._shown, self._overflow
        self.expect_command()
        if overflow or shown is None:
            return Overflow(parts=(b"",), limit=limit, literal=True)
        parts = sink.parts() if isinstance(sink, _Gathered) else (b"",)
        return Framed(parts=parts, raw=shown.octets, elided=shown.elided)


class ImapFramer(Framer):
    """Lines with literals in them: RFC 9051 4.3, LITERAL+ (RFC 7888) and literal8 (RFC 3516).

    A synchronizing literal is reported as a :class:`LiteralRequest`; the driver answers with :meth:`grant` or
    :meth:`refuse`. So is one that comes unasked, where the command's literals together exceed ``literal_limit``, which
    may be changed at any time (it is small before authentication). What a literal is granted with a sink goes there.

    A command that exceeds a limit, or whose unasked literal is refused, is *doomed*: the rest of it, literals the
    client sends unasked included, is swallowed without being kept, so that none of it is taken for a command; then it
    is reported as an overflow.
    """

    def __init__(self, *, line_limit: int, literal_limit: int, shown: int = SHOWN) -> None:
        super().__init__(line_limit=line_limit, shown=shown)
        self.literal_limit = literal_limit
        self._plain_lines = False
        self._dead = False
        self._parts: list[bytes] = []
        """Text, literal, text …; a literal that goes to a sink is empty."""
        self._raw: list[bytes] = []
        """The same with line ends."""
        self._raw_size = 0
        self._text_size = 0
        self._literal_size = 0
        self._pending: int | None = None
        self._unasked = False
        self._doomed: Overflow | None = None
        self._literal_sink: Sink | None = None
        self._sinks: list[tuple[int, Sink]] = []
        self._beginnings: dict[int, _Shown] = {}
        """What is shown of the literals that went to sinks."""
        self._shown_size = 0

    @property
    def held(self) -> int:
        """Octets that are kept here for a command that is not complete, or was not asked for yet."""
        return len(self._buffer) + self._raw_size + self._text_size + self._shown_size

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
        """Begin a new command; whatever of an old one is in sinks will never be complete."""
        sinks = self._sinks
        self._parts, self._raw, self._raw_size = [], [], 0
        self._text_size, self._literal_size = 0, 0
        self._pending, self._doomed, self._literal_sink = None, None, None
        self._sinks, self._beginnings, self._shown_size = [], {}, 0
        for _, sink in sinks:
            sink.drop()

    def grant(self, sink: Sink | None = None) -> None:
        """Accept the literal announced last; its octets are awaited, and go to ``sink`` if there is one."""
        self._scanned = 0
        if sink is not None:
            self._literal_sink = sink
            self._beginnings[len(self._raw)] = _Shown(self._most_shown - self._shown_size)
            self._sinks.append((len(self._raw), sink))

    def refuse(self) -> None:
        """Refuse the literal announced last: the client starts a new command (RFC 9051 4.3).

        One that it sends unasked is swallowed with the rest of its command, and reported when that has come.
        """
        if self._unasked:
            self._doom(Overflow(parts=tuple(self._parts[:1]), limit=self.literal_limit, literal=True))
        else:
            self._reset()

    def next(self) -> Unit | None:
        """Return the next command, line, literal request or overflow; None until more bytes come, or while busy."""
        if self._plain_lines:
            return self._next_line()
        self.busy = False
        unit: Unit | None = self._simple_command()
        left = _LITERALS_AT_ONCE
        while unit is None and not self._dead and self._literal_complete():
            if not left:
                self.busy = True
                break
            left -= 1
            text = self._next_text()
            if text is None:
                break
            unit = text if isinstance(text, Overflow) else self._after(text)
        return unit

    def _simple_command(self) -> Framed | None:
        """Take a command that is one line and has come whole, as most of them are."""
        if self._parts or self._pending is not None or self._doomed is not None or self._text_size:
            return None
        end = self._buffer.find(b"\n", self._scanned) + 1
        if not end or end > self._line_limit:
            return None
        raw = bytes(self._buffer[:end])
        text = without_line_end(raw)
        if text.endswith(b"}") and _LITERAL.search(text):
            return None
        del self._buffer[:end]
        self._scanned = 0
        return Framed(parts=(text,), raw=raw)

    def _literal_complete(self) -> bool:
        """Take, pass on or swallow the literal that is due; False until all of it has come."""
        if self._pending is None:
            return True
        come = min(self._pending, len(self._buffer))
        if self._doomed is not None:
            del self._buffer[:come]
        elif self._literal_sink is not None:
            if come:
                piece = self._take(come)
                self._beginnings[len(self._raw)].note(piece)
                self._literal_sink.write(piece, piece)
        elif come < self._pending:
            return False
        else:
            literal = self._take(come)
            self._keep(literal, literal)
            self._literal_size += come
        self._pending -= come
        if self._pending:
            return False
        if self._literal_sink is not None and self._doomed is None:
            self._shown_size += len(self._beginnings[len(self._raw)].octets)
            self._keep(b"", b"")
        self._pending, self._literal_sink = None, None
        return True

    def _keep(self, part: bytes, raw: bytes) -> None:
        self._parts.append(part)
        self._raw.append(raw)
        self._raw_size += len(raw)

    def _next_text(self) -> bytes | Overflow | None:
        """Take text up to the line's end, which is not part of it; a doomed command's is only its end."""
        end = self._buffer.find(b"\n", self._scanned)
        # Without a line's end in sight the last octet may still be the CR of one.
        known = len(self._buffer) - 1 if end < 0 else end - (self._buffer[max(0, end - 1) : end] == b"\r")
        if self._text_size + known > self._line_limit * _ENDLESS:
            return self._die(literal=False)
        if self._text_size + known > self._line_limit and self._doomed is None:
            self._doom(Overflow(parts=self._first(), limit=self._line_limit))
        if end < 0:
            self._forget_text()
            self._scanned = len(self._buffer)
            return None
        raw = self._take(end + 1)
        text = without_line_end(raw)
        self._text_size += len(text)
        if self._doomed is None:
            self._keep(text, raw)
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
        self._pending, self._unasked = size, unasked
        if unasked and (self._doomed is not None or size <= self.literal_limit - self._literal_size):
            return None
        return LiteralRequest(parts=tuple(self._parts), size=size, unasked=unasked, sinks=tuple(self._sinks))

    def _complete(self) -> Framed | Overflow:
        unit: Framed | Overflow
        if self._doomed is not None:
            unit = self._doomed
        else:
            shown, raw = self._beginnings, self._raw
            if shown:
                raw = [shown[index].octets if index in shown else octets for index, octets in enumerate(raw)]
            unit = Framed(
                parts=tuple(self._parts),
                raw=raw[0] if len(raw) == 1 else b"".join(raw),
                elided=sum(one.elided for one in shown.values()) if shown else 0,
                sinks=tuple(self._sinks),
            )
            self._sinks = []  # they are the unit's
        self._reset()
        return unit

    def _doom(self, overflow: Overflow) -> None:
        pending, text_size = self._pending, self._text_size
        self._reset()
        self._pending, self._text_size, self._doomed = pending, text_size, overflow

    def _first(self) -> tuple[bytes, ...]:
        """Return the command's first text, as much as there is."""
        return tuple(self._parts[:1]) or (bytes(self._buffer[: min(128, self._line_limit)]),)

    def _beginning(self) -> bytes:
        if not self._raw:
            return b""
        shown = dict(self._beginnings)
        raw = [shown.pop(index).octets if index in shown else octets for index, octets in enumerate(self._raw)]
        return b"".join([*raw, *(one.octets for one in shown.values())])

    def _forget_text(self) -> None:
        """Keep only as much of a doomed command's text as a literal's announcement needs."""
        surplus = len(self._buffer) - _LONGEST_ANNOUNCEMENT
        if self._doomed is not None and surplus > 0:
            del self._buffer[:surplus]
            self._text_size += surplus

    def _die(self, *, literal: bool) -> Overflow:
        known = self._doomed or Overflow(
            parts=self._first(), limit=self.literal_limit if literal else self._line_limit, literal=literal
        )
        self._dead = True
        self._buffer.clear()
        self._reset()
        return replace(known, fatal=True)


def _begun(data: bytearray) -> int:
    """Return how many of the last octets may be the beginning of the end of data."""
    for size in range(min(len(data), len(_END_OF_DATA) - 1), 0, -1):
        if data.endswith(_END_OF_DATA[:size]):
            return size
    return 0


def without_line_end(line: bytes) -> bytes:
    """Return ``line`` without its final CRLF or LF."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(b"\n") else line
