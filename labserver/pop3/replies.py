"""POP3's replies: one status line, or a status line and lines up to a lone dot (RFC 1939 3).

The rule for octets: a line ends at CRLF and nowhere else. A message goes out exactly as it is stored, with one more dot
before a dot that begins it or follows CRLF, so a client that undoes just that has the stored octets again; bare CR and
bare LF pass through. One thing cannot be kept: a message that does not end with CRLF gets one before the final dot.

A client that takes a bare LF for a line's end (Python's poplib does) sees the end early in a message that has a dot
alone between two of its line ends. Stuffing there would change the message for every client that follows the RFC.

Long answers come in pieces, so that the connection's back-pressure is felt; the last piece is the completion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["PIECE", "listing", "message", "ok", "refused", "sent_size"]

PIECE = 1 << 16
"""The most octets in one reply."""

_UNSTUFFED = PIECE * 3 // 4  # CRLF and a dot become four octets at worst


def ok(text: str) -> Reply:
    """Say ``+OK``."""
    return Reply.completion(f"+OK {text}\r\n".encode("ascii", "backslashreplace"), "+OK")


def refused(text: str, *, code: str = "") -> Reply:
    """Say ``-ERR``; ``code`` is a response code (RFC 2449 8, RFC 3206, RFC 6856 5)."""
    said = f"-ERR [{code}] {text}\r\n" if code else f"-ERR {text}\r\n"
    return Reply.completion(said.encode("ascii", "backslashreplace"), "-ERR")


def listing(status: str, lines: Iterable[bytes]) -> Iterator[Reply]:
    """Send a status line, then ``lines``, none of which begins with a dot."""
    return _pieced(status, (line + b"\r\n" for line in lines))


def message(status: str, content: bytes) -> Iterator[Reply]:
    """Send a status line, then ``content`` dot-stuffed."""
    return _pieced(status, _stuffed(content))


def sent_size(content: bytes) -> int:
    """Return how many octets of a message :func:`message` sends; stuffed dots and the last line are none."""
    return len(content) + (0 if not content or content.endswith(b"\r\n") else 2)


def _stuffed(content: bytes) -> Iterator[bytes]:
    before = b"\r\n"
    for start in range(0, len(content), _UNSTUFFED):
        window = before + content[start : start + _UNSTUFFED]
        yield window.replace(b"\r\n.", b"\r\n..")[2:]
        before = window[-2:]
    if before != b"\r\n":
        yield b"\r\n"


def _pieced(status: str, chunks: Iterable[bytes]) -> Iterator[Reply]:
    """Gather ``chunks`` of at most PIECE octets each into replies of at most PIECE octets each."""
    gathered = [f"+OK {status}\r\n".encode()]
    size = len(gathered[0])
    for chunk in chunks:
        if size + len(chunk) > PIECE:
            yield Reply.untagged(b"".join(gathered))
            gathered, size = [], 0
        gathered.append(chunk)
        size += len(chunk)
    if size + 3 > PIECE:
        yield Reply.untagged(b"".join(gathered))
        gathered = []
    gathered.append(b".\r\n")
    yield Reply.completion(b"".join(gathered), "+OK")
