"""Internal dates as numbers: a tenth of a datetime's memory, and nothing for the garbage collector to visit.

A packed moment is what the clock on the wall showed, in seconds since 1970, times 4096, plus the zone's minutes east of
UTC and 2048. IMAP shows whole seconds and whole minutes of the zone (RFC 9051 9, ``date-time``), so they are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from math import floor

__all__ = ["packed", "unpacked", "wall"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- the wall's clock, wherever the wall is
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_BITS = 12
_MIDDLE = 1 << (_BITS - 1)
"""More than the 1439 minutes that a zone can be off."""


def packed(moment: datetime) -> int:
    """Return an aware moment as a number; what it has beyond whole seconds and whole minutes of zone is cut off."""
    if moment.tzinfo is UTC:
        return (floor(moment.timestamp()) << _BITS) + _MIDDLE  # the lab's own clock: a third of the time
    offset = moment.utcoffset() or timedelta()
    seconds = (moment.replace(tzinfo=None) - _EPOCH) // _SECOND
    return (seconds << _BITS) + offset // _MINUTE + _MIDDLE


def unpacked(number: int) -> datetime:
    """Return the moment that was packed."""
    offset = (number & ((1 << _BITS) - 1)) - _MIDDLE
    return (_EPOCH + timedelta(seconds=number >> _BITS)).replace(tzinfo=_zone(offset))


def wall(number: int) -> tuple[int, int]:
    """Return a packed moment's seconds since 1970 by its own wall clock, and its zone in minutes."""
    return number >> _BITS, (number & ((1 << _BITS) - 1)) - _MIDDLE


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes)) if minutes else UTC
