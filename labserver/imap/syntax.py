"""How IMAP spells values: strings, mailbox names, number sets and dates, between bytes and Python (RFC 3501 9).

Formatting never fails; reading raises ``ValueError``. What a fault means to the client is the caller's business.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from labserver.effort import in_steps
from labserver.mailstore.moments import wall

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labserver.effort import Effort, Work

__all__ = [
    "MONTHS",
    "SYSTEM_FLAGS",
    "SequenceSet",
    "astring",
    "compact",
    "decode_mailbox",
    "encode_mailbox",
    "internal_date",
    "literal",
    "literal8",
    "merged",
    "nstring",
    "quoted",
    "read_date",
    "read_date_time",
    "runs",
    "runs_in_turns",
    "string",
]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
"""The flags a client may set, as they are spelled (RFC 3501 2.3.2); ``\\Recent`` is the server's own."""

_MOST_QUOTED = 1000
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+\Z')
_PRINTABLE = re.compile(rb"[\x20-\x7e]*\Z")
_NOT_QUOTABLE = re.compile(rb"[\x00\r\n]")
_SHIFTED = re.compile(r"&([^-]*)(-?)")
_DATE = re.compile(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})\Z")
_DATE_TIME = re.compile(rb"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\Z")
_HIGHEST = (1 << 32) - 1
_MINUTES = tuple(b"%02d:%02d:" % divmod(minute, 60) for minute in range(24 * 60))
_SECONDS = tuple(b"%02d" % second for second in range(60))


def literal(value: bytes) -> bytes:
    """Return ``value`` as a literal, which cannot hold NUL (RFC 3501 4.3): 0x80 is in its place, as in Dovecot."""
    return b"{%d}\r\n%b" % (len(value), without_nul(value))


def without_nul(octets: bytes) -> bytes:
    """Return as many octets, with 0x80 for each NUL."""
    return octets.replace(b"\0", b"\x80") if b"\0" in octets else octets


def literal8(value: bytes) -> bytes:
    """Return ``value`` as a literal that may hold NUL (RFC 3516 4.2)."""
    return b"~{%d}\r\n%b" % (len(value), value)


def quoted(value: bytes) -> bytes:
    """Return ``value`` in quotes; it must not hold NUL, CR or LF."""
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """Return ``value`` quoted where that is possible, else as a literal; ``utf8`` allows UTF-8 in quotes (RFC 6855)."""
    if len(value) > _MOST_QUOTED:
        return literal(value)
    if _PRINTABLE.match(value) or (utf8 and not _NOT_QUOTABLE.search(value) and _is_utf8(value)):
        return quoted(value)
    return literal(value)


def nstring(value: bytes | None, *, utf8: bool = False) -> bytes:
    """Return ``NIL`` for None, else ``value`` as a string."""
    return b"NIL" if value is None else string(value, utf8=utf8)


def astring(value: bytes, *, utf8: bool = False) -> bytes:
    """Return ``value`` as an atom where that is possible, else as a string. ``NIL`` is quoted to be no nil."""
    if _ATOM.match(value) and value.upper() != b"NIL":
        return value
    return string(value, utf8=utf8)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode_mailbox(name: bytes, *, utf8: bool = False) -> str:
    """Read a mailbox name in modified UTF-7 (RFC 3501 5.1.3), or in UTF-8 once that is enabled (RFC 6855 3).

    Raises ValueError for what is not exactly the one encoding the name has, so that no mailbox has two names.
    """
    if utf8:
        return name.decode()
    text = name.decode("ascii")
    decoded = _SHIFTED.sub(_unshift, text)
    if encode_mailbox(decoded) != name:
        raise ValueError(f"not the modified UTF-7 of any name: {text}")
    return decoded


def _unshift(match: re.Match[str]) -> str:
    run, closed = match.groups()
    if not closed:
        raise ValueError("a shift sequence is not closed")
    if not run:
        return "&"
    padded = run.replace(",", "/") + "=" * (-len(run) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"a shift sequence holds no UTF-16: {run}") from error


def encode_mailbox(name: str, *, utf8: bool = False) -> bytes:
    """Return a mailbox name's bytes, in modified UTF-7 or UTF-8; what Unicode cannot encode becomes ``?``."""
    if utf8:
        return name.encode(errors="replace")
    if name.isascii() and name.isprintable():
        return name.replace("&", "&-").encode()
    stretches = re.findall(r"[ -~]+|[^ -~]+", name)
    return "".join(text.replace("&", "&-") if " " <= text[0] <= "~" else _shift(text) for text in stretches).encode()


def _shift(run: str) -> str:
    encoded = base64.b64encode(run.encode("utf-16-be", errors="replace")).decode()
    return "&" + encoded.rstrip("=").replace("/", ",") + "-"


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Message numbers or UIDs as the client wrote them (RFC 3501 9 sequence-set), or ``$`` (RFC 5182)."""

    pairs: tuple[tuple[int | None, int | None], ...]
    """Both ends of each range, in the client's order; None is ``*``."""
    saved: bool = False
    """It is ``$``: the saved search result."""

    def __hash__(self) -> int:
        """Return the same for sets that begin alike: a long one is hashed again for each key around it."""
        return hash((len(self.pairs), self.pairs[:4], self.saved))

    @classmethod
    def read(cls, text: bytes) -> SequenceSet:
        """Read ``text``; raises ValueError when it is no sequence set, holds 0 or a number beyond 32 bits."""
        if text == b"$":
            return cls((), saved=True)
        pairs = []
        for item in text.split(b","):
            first, colon, last = item.partition(b":")
            low = _sequence_number(first)
            pairs.append((low, _sequence_number(last) if colon else low))
        return cls(tuple(pairs))

    def ranges(self, last: int) -> list[tuple[int, int]]:
        """Return the ranges ascending, merged and without overlaps; ``last`` is the number that ``*`` means."""
        ends = ((last if a is None else a, last if b is None else b) for a, b in self.pairs)
        return merged((min(a, b), max(a, b)) for a, b in ends)

    def numbers(self, last: int) -> _Numbers:
        """Return a collection for ``in``; ``last`` is the number that ``*`` means."""
        return _Numbers(self.ranges(last))


class _Numbers:
    """Membership in ranges by bisection, so that a set of many ranges is no slower than one of few."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._lows = [low for low, _ in ranges]
        self._highs = [high for _, high in ranges]

    def __contains__(self, number: int) -> bool:
        index = bisect_left(self._highs, number)
        return index < len(self._lows) and self._lows[index] <= number


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges ascending, those that touch or overlap as one."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def _sequence_number(text: bytes) -> int | None:
    if text == b"*":
        return None
    if not text.isdigit():
        raise ValueError("not a sequence set")
    number = int(text[:11])
    if not 0 < number <= _HIGHEST:
        raise ValueError("a message number is between 1 and 4294967295")
    return number


def compact(numbers: Iterable[int]) -> bytes:
    """Return ascending numbers as a sequence set, ``1:3,7``; empty for none."""
    return runs(sorted(numbers))


def runs(numbers: Iterable[int]) -> bytes:
    """Return numbers as a sequence set that keeps their order (ESORT, RFC 5267; COPYUID, RFC 4315)."""
    return b",".join(_spelled(_spans(numbers)))


def runs_in_turns(numbers: Sequence[int], effort: Effort) -> Work[bytes]:
    """Return what :func:`runs` does, in turns."""
    spans: list[tuple[int, int]] = []
    for low, high in (yield from in_steps(numbers, _spans, effort)):
        if spans and low == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], high
        else:
            spans.append((low, high))
    return b",".join((yield from in_steps(spans, _spelled, effort)))


def _spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    low = high = -1
    for number in numbers:
        if number != high + 1:
            if high >= 0:
                spans.append((low, high))
            low = number
        high = number
    if high >= 0:
        spans.append((low, high))
    return spans


def _spelled(spans: Iterable[tuple[int, int]]) -> list[bytes]:
    return [b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in spans]


def internal_date(moment: int) -> bytes:
    """Return a moment that was packed as IMAP's quoted date-time, ``"17-Jul-1996 02:44:25 -0700"``."""
    seconds, zone = wall(moment)
    day, second = divmod(seconds, 86_400)
    return _day(day) + _MINUTES[second // 60] + _SECONDS[second % 60] + _zone(zone)


@lru_cache(maxsize=4_096)
def _day(day: int) -> bytes:
    moment = date(1970, 1, 1) + timedelta(days=day)
    return f'"{moment.day:02}-{MONTHS[moment.month - 1]}-{moment.year:04} '.encode()


@lru_cache(maxsize=256)
def _zone(minutes: int) -> bytes:
    return b' %c%02d%02d"' % (b"-" if minutes < 0 else b"+", *divmod(abs(minutes), 60))


def read_date(text: bytes) -> date:
    """Read ``1-Feb-2024``; raises ValueError."""
    match = _DATE.match(text)
    if not match:
        raise ValueError("a date looks like 1-Feb-2024")
    day, month, year = match.groups()
    return date(int(year), _month(month), int(day))


def read_date_time(text: bytes) -> datetime:
    """Read ``01-Feb-2024 12:00:00 +0100`` (without its quotes); the result is aware. Raises ValueError."""
    match = _DATE_TIME.match(text)
    if not match:
        raise ValueError("a date-time looks like 01-Feb-2024 12:00:00 +0100")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    zone = timezone(-offset if sign == b"-" else offset)
    moment = datetime(int(year), _month(month), int(day), int(hour), int(minute), int(second), tzinfo=zone)
    try:
        moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("beyond the calendar's ends") from error
    return moment


def _month(name: bytes) -> int:
    return MONTHS.index(name.decode().title()) + 1
