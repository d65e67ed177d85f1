"""What is sent, as a table says it: text with places that are filled in when it is sent.

``send`` is lines, and each gets CRLF; ``octets`` is as it is. In both, ``<tag>``, ``<tag+1>``, ``<nonce>``,
``<mailbox>``, ``<b64:text>``, ``<x:ff00>``, ``<fill:A*1000>``, ``<cr>``, ``<lf>``, ``<crlf>``, ``<nul>`` and ``<lt>``
are places. Other text in angle brackets, such as an address, is itself; what only looks like a place is a mistake.

Text is taken apart once, when it is read. What is long is never in memory: it is made while the client takes it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labserver.dialogues.exchange import Reply
from labserver.dialogues.masking import MASK, counts
from labserver.dialogues.tags import next_tag
from labserver.misbehaviours.spelling import code_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.dialogues.exchange import ReplyKind
    from labserver.misbehaviours.moment import Moment

__all__ = ["PLACES", "Filled", "Lines", "Octets", "Words", "repeated"]

_BRACKETS = re.compile(r"<([^<>]*)>")
_LIKE_A_PLACE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(?:[:+*].*)?", re.DOTALL)
_TAG = re.compile(r"tag(?:\+([1-9][0-9]{0,3}))?")
_BASE64 = re.compile(r"b64:(.*)", re.DOTALL)
_HEX = re.compile(r"x:((?:[0-9A-Fa-f]{2})+)")
_FILL = re.compile(r"fill:(.+)\*([0-9]{1,10})", re.DOTALL)
_FIXED = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "nul": b"\0", "lt": b"<"}
_NAMES = ("tag", "nonce", "mailbox", "b64", "x", "fill", *_FIXED)
_MOST_FILLED = 1 << 30
"""Octets that one place may become."""
_LONGEST = 1 << 16
"""Characters of a text in a table."""
_PIECE = 1 << 15
"""Octets that are made at a time of what is long."""

PLACES = {
    "<tag>": "the tag of the command being answered; `*` where there is none",
    "<tag+1>": "the tag that the client will use next; `<tag+2>` after one more command",
    "<nonce>": "eight characters that no other session has",
    "<mailbox>": "the mailbox that the command names, else the selected one, as the client spelled it",
    "<b64:text>": "the text in base64",
    "<x:ff00>": "octets in hexadecimal",
    "<fill:A*1000>": "a text so many times, at most 1 GiB",
    "<cr>": "CR",
    "<lf>": "LF",
    "<crlf>": "CR and LF",
    "<nul>": "a zero octet",
    "<lt>": "`<` itself",
}
"""Every place, and what it becomes."""


@dataclass(frozen=True, slots=True)
class _Fill:
    """Octets, so many times."""

    unit: bytes
    times: int

    def __iter__(self) -> Iterator[bytes]:
        together = max(1, _PIECE // len(self.unit))
        full, rest = divmod(self.times, together)
        piece = self.unit * together
        for _ in range(full):
            yield piece
        if rest:
            yield self.unit * rest


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known when it is sent: ``tag``, ``nonce`` or ``mailbox``."""

    name: str
    steps: int = 0
    """Commands that the tag is counted up by."""

    def filled(self, moment: Moment) -> bytes:
        """Return what it becomes."""
        match self.name:
            case "nonce":
                return moment.nonce.encode()
            case "mailbox":
                return moment.mailbox_octets or b"INBOX"
            case _:
                return next_tag(moment.tag, self.steps) if self.steps else moment.tag

    def shown(self, moment: Moment) -> bytes:
        """Return it for the transcript: what a client has in the place of a tag or a mailbox may be a password."""
        harmless = {
            "nonce": True,
            "mailbox": moment.account is not None or not moment.mailbox_octets,
            "tag": moment.tag == b"*" or counts(moment.tag),
        }
        return self.filled(moment) if harmless[self.name] else MASK


@dataclass(frozen=True, slots=True)
class Filled:
    """Octets to send; going through them makes them, in pieces of some tens of kibibytes, the same each time."""

    pieces: tuple[bytes | _Fill, ...]
    skip: int = 0
    """Pieces at the beginning that were sent already."""

    def __iter__(self) -> Iterator[bytes]:
        left = self.skip
        gathered = b""
        for piece in self.pieces:
            for octets in (piece,) if isinstance(piece, bytes) else piece:
                gathered += octets
                if len(gathered) < _PIECE:
                    continue
                if left:
                    left -= 1
                else:
                    yield gathered
                gathered = b""
        if gathered and not left:
            yield gathered


class Words:
    """A text with places, ready to be filled in."""

    MEANING: ClassVar[str] = "a text"

    __slots__ = ("_pieces", "text")

    def __init__(self, text: str | tuple[str, ...]) -> None:
        """Take text apart; ValueError for what looks like a place and is none, and for what is too long."""
        self.text = text
        texts = text if isinstance(text, tuple) else (text,)
        if sum(map(len, texts)) > _LONGEST:
            raise ValueError(f"it has more than {_LONGEST:,} characters; write what repeats as <fill:A*{_LONGEST}>")
        octets = None if any("<" in one for one in texts) else b"".join(map(self._encoded, texts))
        parsed = (piece for one in texts for piece in self._parsed(one))
        self._pieces = tuple(_joined(parsed)) if octets is None else (octets,)

    @classmethod
    def read(cls, value: object) -> Words:
        """Return what a table says: a text, or an array of them for several lines."""
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return cls(tuple(value))
        if not isinstance(value, str):
            raise ValueError(f"it has to be {cls.MEANING}, or an array of them")  # noqa: TRY004 -- a mistake in a table
        return cls(value)

    @staticmethod
    def _parsed(text: str) -> Iterator[bytes | _Fill | _Place]:
        return _pieces(text)

    @staticmethod
    def _encoded(text: str) -> bytes:
        """Return text without places."""
        return text.encode("utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and type(other) is type(self) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def filled(self, moment: Moment) -> Filled:
        """Return what is sent at a moment."""
        return Filled(tuple(one.filled(moment) if isinstance(one, _Place) else one for one in self._pieces))

    def octets(self, moment: Moment) -> bytes:
        """Return what is sent, for a place where it has to be in memory: its first 32 KiB or so."""
        return next(iter(self.filled(moment)), b"")

    def reply(self, moment: Moment, kind: ReplyKind | None = None) -> Reply:
        """Return the text as a reply; ``kind`` is what it is to the dialogue, told from its octets where it is None."""
        filled = self.filled(moment)
        raw = next(iter(filled), b"")
        code = code_of(raw, moment.protocol)
        rest = Filled(filled.pieces, skip=1)
        long = next(iter(rest), None) is not None
        return Reply(
            kind or kind_of(raw, code, moment.protocol),
            raw,
            code,
            rest if long else (),
            None if long else self._masked(moment, raw),
        )

    def _masked(self, moment: Moment, raw: bytes) -> bytes | None:
        """Return the text for the transcript, None where it shows nothing that has to be masked.

        A tag at the very beginning is masked by whoever sends it, if need be.
        """
        first, *others = self._pieces or (b"",)
        if not any(isinstance(one, _Place) for one in self._pieces):
            return None
        begins = first.filled(moment) if isinstance(first, _Place) and first.name == "tag" else _shown(first, moment)
        masked = next(iter(Filled((begins, *(_shown(one, moment) for one in others)))), b"")
        return None if masked == raw else masked


class Octets(Words):
    """Text that is sent as it is."""

    MEANING = "a text"
    __slots__ = ()


class Lines(Words):
    """Text of which every line is sent with CRLF; a line end at the very end of the text is none of its own."""

    MEANING = "a line"
    __slots__ = ()

    @staticmethod
    def _parsed(text: str) -> Iterator[bytes | _Fill | _Place]:
        for line in _lines(text):
            yield from _pieces(line)
            yield b"\r\n"

    @staticmethod
    def _encoded(text: str) -> bytes:
        return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in _lines(text))


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if any("\r" in line for line in lines):
        raise ValueError('a line has a CR in it; write octets = "…<cr>…" to send one')
    return lines


def repeated(unit: bytes, times: int, kind: ReplyKind) -> Reply:
    """Return a reply that is some octets so many times, made while the client takes it."""
    filled = Filled((_Fill(unit, times),))
    return Reply(kind, next(iter(filled), b""), "", Filled(filled.pieces, skip=1))


def _shown(piece: bytes | _Fill | _Place, moment: Moment) -> bytes | _Fill:
    return piece.shown(moment) if isinstance(piece, _Place) else piece


def _joined(pieces: Iterator[bytes | _Fill | _Place]) -> Iterator[bytes | _Fill | _Place]:
    """Yield pieces with octets that follow each other in one."""
    gathered = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            gathered += piece
            continue
        if gathered:
            yield gathered
            gathered = b""
        yield piece
    if gathered:
        yield gathered


def _pieces(text: str) -> Iterator[bytes | _Fill | _Place]:
    """Yield the octets of a text, and its places."""
    end = 0
    for match in _BRACKETS.finditer(text):
        place = _place(match[1])
        if place is not None:
            yield text[end : match.start()].encode("utf-8", "surrogateescape")
            yield place
            end = match.end()
    yield text[end:].encode("utf-8", "surrogateescape")


def _place(inside: str) -> bytes | _Fill | _Place | None:
    """Return the place that stands in angle brackets, None for text that stands for itself."""
    if inside in _FIXED:
        return _FIXED[inside]
    if inside in {"nonce", "mailbox"}:
        return _Place(inside)
    if match := _TAG.fullmatch(inside):
        return _Place("tag", int(match[1] or 0))
    if match := _FILL.fullmatch(inside):
        return _filling(inside, match[1].encode("utf-8", "surrogateescape"), int(match[2]))
    if (match := _LIKE_A_PLACE.fullmatch(inside)) and "@" not in inside:
        octets = _encoded(inside)
        if octets is None:
            _refuse_lookalike(inside, match[1])
        return octets
    return None


def _encoded(inside: str) -> bytes | None:
    if match := _BASE64.fullmatch(inside):
        return base64.b64encode(match[1].encode("utf-8", "surrogateescape"))
    if match := _HEX.fullmatch(inside):
        return bytes.fromhex(match[1])
    return None


def _filling(inside: str, unit: bytes, times: int) -> bytes | _Fill:
    size = len(unit) * times
    if size > _MOST_FILLED:
        raise ValueError(f"<{inside}> is more than 1 GiB")
    return _Fill(unit, times) if size > _PIECE else unit * times


def _refuse_lookalike(inside: str, name: str) -> None:
    """Refuse text that was most probably meant as a place."""
    from labserver.nearest import did_you_mean  # noqa: PLC0415 -- only for what may be a mistake

    if name.lower() not in _NAMES and not did_you_mean(name, _NAMES):
        return
    near = did_you_mean(f"<{name.lower()}>", [place for place in PLACES if place.startswith(f"<{name.lower()}")])
    raise ValueError(
        f"<{inside}> is not a place that can be filled in: there are {', '.join(PLACES)};"
        f" if it is meant as it stands, write <lt>{inside}>{near}"
    )
