"""The ends of a period of validity, as recipes write them: by the lab's clock, or exactly, right or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from labserver.pki import der

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Moment"]

_OFFSET = re.compile(r"(now)?([+-]\d+)([dhs])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "s": timedelta(seconds=1)}
_UTC_TIME_ENDS = 2050
_KINDS = {"utc": der.utc_time, "generalized": der.generalized_time}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """``-1d``, ``-1s`` count from the last midnight UTC, ``-1h`` from the last full hour, ``now+60s`` from now.

    ``utc:…`` is as written.
    """

    offset: timedelta | None = None
    start: str = "day"
    """What it counts from the beginning of: the ``day``, the ``hour``, or ``now``."""
    generalized: bool = False
    """As a GeneralizedTime even before 2050."""
    exact: tuple[str, str] | None = None
    """The type of time, and what it says."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the moment; raises ValueError with what it must be."""
        kind, _, said = text.partition(":")
        if kind in _KINDS and said and said.isascii():
            if found := _OFFSET.fullmatch(said):
                return cls(offset=_offset(found), start=_start(found), generalized=kind == "generalized")
            return cls(exact=(kind, said))
        found = _OFFSET.fullmatch(text)
        if found is None:
            raise ValueError("a time such as -1d, +3h, generalized:+20d, utc:700101000000Z")
        return cls(offset=_offset(found), start=_start(found))

    def at(self, now: datetime) -> datetime:
        """Return the time that it stands for, where it is no exact one."""
        moment = now.astimezone(UTC).replace(microsecond=0)
        if self.start != "now":
            moment = moment.replace(minute=0, second=0)
        if self.start == "day":
            moment = moment.replace(hour=0)
        return moment + (self.offset or timedelta())

    def encoded(self, now: datetime) -> bytes:
        """Return it as DER (RFC 5280 4.1.2.5: UTCTime before 2050)."""
        if self.exact is not None:
            kind, said = self.exact
            return _KINDS[kind](said)
        moment = self.at(now)
        if self.generalized or moment.year >= _UTC_TIME_ENDS:
            return der.generalized_time(f"{moment:%Y%m%d%H%M%SZ}")
        return der.utc_time(f"{moment:%y%m%d%H%M%SZ}")


def _offset(found: re.Match[str]) -> timedelta:
    try:
        return int(found[2]) * _UNITS[found[3]]
    except OverflowError as error:
        raise ValueError("a time that a calendar has") from error


def _start(found: re.Match[str]) -> str:
    return found[1] or ("hour" if found[3] == "h" else "day")
