"""Content transfer encodings undone (RFC 2045 6): tolerant, bounded, and never an exception.

A decoder takes encoded octets in pieces of any size and holds only what cannot be decoded yet. Where it stands is a
:class:`Mark`, from which another decoder can go on, so that a part of a long body is decoded without what is before it.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["IDENTITIES", "PIECE", "Decoder", "Mark", "decode", "decoded_pieces", "decoder", "is_known", "windows"]

PIECE = 1 << 14
"""Octets of encoded data in one piece, as :func:`windows` cuts them."""
IDENTITIES = frozenset({b"7bit", b"8bit", b"binary"})
"""Encodings that change nothing."""

_TRAILING_WHITE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_SIGNS_OF_IT = (b" \r\n", b"\t\r\n", b" \n", b"\t\n")
_LONG_LINE = 1_024
"""Octets of a quoted-printable line that are awaited before some of it is decoded; RFC 2045 allows 76."""
_MOST_HELD = 1 << 16
"""White space in one place beyond this is data, wherever the line ends."""
_WHOLE_TOKENS = re.compile(
    rb"(?:[ \t\r]*+(?:[^= \t\r\n]++|=(?:=|[0-9A-Fa-f]{2}|[0-9A-Fa-f](?=[^0-9A-Fa-f])|[^= \t\r\n0-9A-Fa-f])))*+"
)
"""What of a line means the same whatever follows it. White space does not, nor does an escape that is not whole."""
_BREAK_AT_CR = re.compile(rb"[ \t\r]*+=\r(?=[^\n])")
_QUAD = 4
_TRIPLE = 3


class Mark(NamedTuple):
    """Where a decoder stands."""

    back: int
    """Octets of those fed last that are to be fed again."""
    state: bytes
    """What else there is to know."""


class Decoder(Protocol):
    """Undoes one encoding, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Return what can be decoded now."""

    def finish(self) -> bytes:
        """Return the rest."""

    def mark(self) -> Mark:
        """Return where the decoder stands."""


def decoder(encoding: bytes, state: bytes = b"") -> Decoder | None:
    """Return a decoder of a Content-Transfer-Encoding in lower case; None when it is unknown."""
    make = _DECODERS.get(encoding)
    return None if make is None else make(state)


def is_known(encoding: bytes) -> bool:
    """Return whether a Content-Transfer-Encoding in lower case is one of RFC 2045 6.1."""
    return encoding in _DECODERS


def decode(encoding: bytes, body: bytes) -> bytes | None:
    """Undo ``encoding``, a Content-Transfer-Encoding in lower case; None when it is unknown.

    What is wrong in the encoded data is passed over, so that as much as possible can be read.
    """
    if encoding in IDENTITIES:
        return body
    pieces = decoded_pieces(encoding, windows(body, 0, len(body)))
    return None if pieces is None else b"".join(pieces)


def decoded_pieces(encoding: bytes, pieces: Iterable[bytes]) -> Iterator[bytes] | None:
    """Undo ``encoding`` piece by piece, so that no more than a piece of it is in memory; None when it is unknown."""
    undoing = decoder(encoding)
    return None if undoing is None else _decoded(undoing, pieces)


def _decoded(undoing: Decoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        decoded = undoing.feed(piece)
        if decoded:
            yield decoded
    rest = undoing.finish()
    if rest:
        yield rest


def windows(content: bytes, start: int, end: int, size: int = PIECE) -> Iterator[bytes]:
    """Yield ``content[start:end]`` in pieces of at most ``size`` octets."""
    return (content[at : min(at + size, end)] for at in range(start, end, size))


class _Identity:
    """7bit, 8bit, binary."""

    def __init__(self, _state: bytes) -> None:
        pass

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def mark(self) -> Mark:
        return Mark(0, b"")


class _Base64:
    """Decodes every run up to its padding: concatenated encodings occur, and each is complete in itself."""

    def __init__(self, state: bytes) -> None:
        self._carried = state
        """The digits of a quantum that is not whole, at most three."""

    def feed(self, data: bytes) -> bytes:
        if b"=" not in data:
            return self._run(data)
        first, *whole, last = data.split(b"=")
        decoded = [self._run(first), self.finish()]
        decoded += [_whole_run(run) for run in whole if len(run) > 1]
        decoded.append(self._run(last))
        return b"".join(decoded)

    def finish(self) -> bytes:
        """Decode what is left: two digits are one octet, three are two, one is none."""
        carried, self._carried = self._carried, b""
        return b"" if len(carried) < 2 else binascii.a2b_base64(carried + b"==")  # noqa: PLR2004 -- digits, above

    def mark(self) -> Mark:
        return Mark(0, self._carried)

    def _run(self, run: bytes) -> bytes:
        """Decode without looking at each octet here: how much came out tells how many digits were left over."""
        if not run:
            return b""
        carried, self._carried = self._carried, b""
        try:
            decoded = binascii.a2b_base64(b"%b%b==" % (carried, run))
            surplus = len(decoded) % _TRIPLE
            digits = surplus + 1 if surplus else 0
        except binascii.Error:  # a single digit, which another makes decodable
            decoded = binascii.a2b_base64(b"%b%bA==" % (carried, run))
            surplus = digits = 1
        if digits:
            self._carried = _last_digits(carried + run, digits)
            decoded = decoded[:-surplus]
        return decoded


def _whole_run(run: bytes) -> bytes:
    """Decode a run between two paddings: those of hostile mail are many and short."""
    digits = run.translate(None, _NO_DIGITS)
    return binascii.a2b_base64((digits[:-1] if len(digits) % _QUAD == 1 else digits) + b"==")


def _last_digits(run: bytes, count: int) -> bytes:
    """Return the last ``count`` digits of ``run``, which has as many."""
    tail = run[-_QUAD * 4 :]
    digits = bytes(octet for octet in tail if octet in _DIGITS)
    if len(digits) < count:  # there is much between them that is none
        digits = run.translate(None, _NO_DIGITS)
    return digits[-count:]


_DIGITS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_NO_DIGITS = bytes(set(range(256)) - _DIGITS)


class _QuotedPrintable:
    """White space at a line's end is not data (RFC 2045 6.7 rule 3); so a line is decoded when its end is known.

    A line that does not end is decoded up to the last octet that means the same whatever follows.
    """

    def __init__(self, state: bytes) -> None:
        self._held = b""
        self._skipping = bool(state)
        """A soft line break was seen whose line has not ended: ``=``, CR, and then something else than LF."""

    def feed(self, data: bytes) -> bytes:
        decoded = []
        if self._skipping:
            end = data.find(b"\n") + 1
            if not end:
                return b""
            self._skipping, data = False, data[end:]
        if self._held:
            data = self._held + data
        cut = data.rfind(b"\n") + 1
        if cut:
            decoded.append(binascii.a2b_qp(_trimmed(data[:cut])))
        self._held = data[cut:] if cut else data
        if len(self._held) > _LONG_LINE:
            decoded.append(self._beginning())
        return decoded[0] if len(decoded) == 1 else b"".join(decoded)

    def finish(self) -> bytes:
        held, self._held, self._skipping = self._held, b"", False
        return binascii.a2b_qp(held.rstrip(b" \t"))

    def mark(self) -> Mark:
        return Mark(len(self._held), b"\r" if self._skipping else b"")

    def _beginning(self) -> bytes:
        """Decode what is certain of a line that has not ended."""
        held = self._held
        whole = _WHOLE_TOKENS.match(held)
        end = whole.end() if whole else 0
        broken = _BREAK_AT_CR.match(held, end)
        if broken is not None:
            self._held, self._skipping = b"", True
            return binascii.a2b_qp(held[: broken.end()])
        if len(held) - end > _MOST_HELD:
            end = len(held) - 2 if held[-2:-1] == b"=" else len(held) - 1
        self._held = held[end:]
        return binascii.a2b_qp(held[:end])


def _trimmed(lines: bytes) -> bytes:
    """Return whole lines without the white space at their ends; most have none, and that is seen ten times as fast."""
    if any(sign in lines for sign in _SIGNS_OF_IT):
        return _TRAILING_WHITE.sub(b"", lines)
    return lines


_DECODERS: dict[bytes, Callable[[bytes], Decoder]] = {
    **dict.fromkeys(IDENTITIES, _Identity),
    b"base64": _Base64,
    b"quoted-printable": _QuotedPrintable,
}
