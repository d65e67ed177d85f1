"""POP3's replies: one status line, or a status line and lines up to a lone dot (RFC 1939 3).

The rule for octets: a message goes out exactly as it is stored, with one more dot before a dot that begins it, follows
LF, or is alone between CR and LF; and one that does not end with CRLF gets it before the final dot. Stored lines end
with CRLF, so that a client which undoes just that has the stored octets again. Only where bare LF is stored
(BINARYMIME, literal8, --keep-line-ends) a client that ends lines at CRLF alone finds a dot too many; the others
(Python's poplib) would take what follows for replies if the dot were not there.

A long answer is one reply, whose octets are made while the client takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labserver.dialogues.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.mailstore.message import Reading

__all__ = ["PIECE", "Lines", "Text", "listing", "message", "ok", "refused"]

PIECE = 1 << 16
"""The most octets that are made at once."""

_MANY = 2_000
"""Lines that are not put together before the client takes any; fewer are gone through again if they are long."""
_LOOKALIKE = b"\n\r.\n"
_LONE_DOT = re.compile(rb"(?<=\n\r)\.(?=\n)")
_UNSTUFFED = PIECE * 2 // 3  # LF and a dot become three octets at worst


class Lines(Protocol):
    """Lines that can be gone through again."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


def ok(text: str) -> Reply:
    """Say ``+OK``."""
    return Reply.completion(f"+OK {text}\r\n".encode("ascii", "backslashreplace"), "+OK")


def refused(text: str, *, code: str = "") -> Reply:
    """Say ``-ERR``; ``code`` is a response code (RFC 2449 8, RFC 3206, RFC 6856 5)."""
    said = f"-ERR [{code}] {text}\r\n" if code else f"-ERR {text}\r\n"
    return Reply.completion(said.encode("ascii", "backslashreplace"), "-ERR")


def listing(status: str, lines: Lines) -> Reply:
    """Send a status line, then ``lines``, none of which begins with a dot: many of them while the client takes them."""
    if len(lines) > _MANY:
        return Reply.completion(f"+OK {status}\r\n".encode(), "+OK", _Lines(lines))
    gathered = [f"+OK {status}".encode()]
    size = len(gathered[0]) + len(b"\r\n.\r\n")
    for line in lines:
        gathered.append(line)
        size += len(line) + 2
        if size > PIECE:
            return Reply.completion(gathered[0] + b"\r\n", "+OK", _Lines(lines))
    gathered += (b".", b"")
    return Reply.completion(b"\r\n".join(gathered), "+OK")


def message(status: str, text: Text) -> Reply:
    """Send a status line, then ``text`` dot-stuffed."""
    raw = f"+OK {status}\r\n".encode()
    if text.end > _UNSTUFFED:
        return Reply.completion(raw, "+OK", text)
    return Reply.completion(
        raw + (_stuffed(text.reading.octets(0, text.end)) if text.lines is None else b"".join(text)), "+OK"
    )


def _stuffed(content: bytes) -> bytes:
    """Return a short message as it is sent."""
    whole = b"\r\n%b" % content
    end = b".\r\n" if whole.endswith(b"\r\n") else b"\r\n.\r\n"
    return _shielded(whole).replace(b"\n.", b"\n..")[2:] + end


def _shielded(text: bytes) -> bytes:
    """Stuff a dot that is alone between CR and LF: poplib takes a CR at the beginning of a line off."""
    return _LONE_DOT.sub(b"..", text) if _LOOKALIKE in text else text


def _unfinished(text: bytes) -> bytes:
    """Return the end of ``text`` that what follows may make such a line, or one that begins with a dot."""
    return next((_LOOKALIKE[:size] for size in (3, 2, 1) if text.endswith(_LOOKALIKE[:size])), b"")


@dataclass(frozen=True, slots=True)
class _Lines:
    """Many lines, the last of them the dot."""

    lines: Lines

    def __iter__(self) -> Iterator[bytes]:
        gathered: list[bytes] = []
        size = 0
        for line in self.lines:
            gathered += (line, b"\r\n")
            size += len(line) + 2
            if size >= _UNSTUFFED:
                yield b"".join(gathered)
                gathered, size = [], 0
        yield b"".join(gathered) + b".\r\n"


@dataclass(frozen=True, slots=True)
class Text:
    """A message, or the beginning of one, as it is sent: dots stuffed, the last line ended, the lone dot behind it."""

    reading: Reading
    end: int
    """Octets of the message that are sent."""
    body: int = 0
    """Where lines are counted from."""
    lines: int | None = None
    """So many of them end it, if it does not end before."""

    @property
    def sent_size(self) -> int:
        """How many octets of the message are sent; stuffed dots and the last line are none."""
        return self.end + (0 if not self.end or self.reading.octets(max(0, self.end - 2), self.end) == b"\r\n" else 2)

    def __iter__(self) -> Iterator[bytes]:
        """Stuff piece by piece."""
        held, end, before = b"\n", b"\r\n", 1
        for window in self._windows():
            text = _shielded(held + window)
            held = _unfinished(text)
            yield text[: len(text) - len(held)].replace(b"\n.", b"\n..")[before:]
            before = max(0, before - len(text) + len(held))
            end = (end + window[-2:])[-2:]
        yield held[before:] + (b".\r\n" if end == b"\r\n" else b"\r\n.\r\n")

    def _windows(self) -> Iterator[bytes]:
        """Yield the octets as they are, up to the last line that is wanted."""
        starts = range(0, self.end if self.lines is None else self.body, _UNSTUFFED)
        for start in starts:
            yield self.reading.octets(start, min(start + _UNSTUFFED, starts.stop))
        left = self.lines or 0
        for start in range(self.body if left else self.end, self.end, _UNSTUFFED):
            window = self.reading.octets(start, min(start + _UNSTUFFED, self.end))
            count = window.count(b"\n")
            if count >= left:
                yield _beginning(window, left)
                return
            left -= count
            yield window


def _beginning(window: bytes, lines: int) -> bytes:
    end = 0
    for _ in range(lines):
        end = window.find(b"\n", end) + 1
    return window[:end]
