"""When a message says it was sent: the Date field in every form that occurs (RFC 5322 3.3 and 4.3), or nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from labserver.message.content_fields import without_comments

__all__ = ["sent_date"]

_MONTHS = {
    month: number
    for number, month in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
_ZONES = {b"edt": -4, b"est": -5, b"cdt": -5, b"cst": -6, b"mdt": -6, b"mst": -7, b"pdt": -7, b"pst": -8}
"""Hours; every other name means UTC, the military letters included (RFC 5322 4.3)."""
_MONTH = rb"(?i:%b)" % b"|".join(_MONTHS)
_TIME = rb"(?P<hour>\d{1,2})[ \t]*:[ \t]*(?P<minute>\d{2})(?:[ \t]*:[ \t]*(?P<second>\d{2}))?"
_ZONE = rb"(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2})|(?P<zone>[A-Za-z]{1,5})"
_INTERNET = re.compile(
    rb"(?<!\d)(?P<day>\d{1,2})[ \t-]{1,9}(?P<month>%b)[a-z]{0,6}[ \t-]{1,9}(?P<year>\d{2,4})(?!\d)"
    rb"(?:[ \t,]{1,9}%b(?:\.\d{1,9})?(?:[ \t]{0,9}(?:%b))?)?" % (_MONTH, _TIME, _ZONE)
)
_CTIME = re.compile(
    rb"(?P<month>%b)[ \t]{1,9}(?P<day>\d{1,2})[ \t]{1,9}%b[ \t]{1,9}(?:(?:%b)[ \t]{1,9})?(?P<year>\d{4})"
    % (_MONTH, _TIME, _ZONE)
)
_LONGEST = 200
_HOURS = 24
_MINUTES = 60
_LAST_SECOND = 59


def sent_date(value: bytes) -> datetime | None:
    """Return the moment in an unfolded Date value, with its own offset; None when there is none in it.

    A missing time is midnight, a missing or unknown zone UTC (RFC 5256 2.2).
    """
    value = without_comments(value[:_LONGEST])
    match = _INTERNET.search(value) or _CTIME.search(value)
    if match is None:
        return None
    try:
        return datetime(
            _year(match["year"]),
            _MONTHS[match["month"].lower()],
            int(match["day"]),
            int(match["hour"] or b"0"),
            int(match["minute"] or b"0"),
            min(int(match["second"] or b"0"), _LAST_SECOND),
            tzinfo=_zone(match),
        )
    except ValueError:
        return None


def _year(digits: bytes) -> int:
    """Read a year of two to four digits (RFC 5322 4.3)."""
    year = int(digits)
    match len(digits):
        case 2:
            return year + (2000 if year < 50 else 1900)  # noqa: PLR2004 -- the century's limit is the RFC's
        case 3:
            return year + 1900
    return year


def _zone(match: re.Match[bytes]) -> timezone:
    if match["sign"] is None:
        name = match["zone"]
        return timezone(timedelta(hours=_ZONES[name.lower()])) if name and name.lower() in _ZONES else UTC
    hours, minutes = int(match["zone_hours"]), int(match["zone_minutes"])
    if minutes >= _MINUTES or hours >= _HOURS:
        return UTC
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if match["sign"] == b"-" else offset)
