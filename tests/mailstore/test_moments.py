"""Internal dates as numbers: nothing that IMAP shows is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labserver.mailstore.moments import packed, unpacked

zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439))


@given(st.datetimes(timezones=zones))
@example(datetime.min.replace(tzinfo=timezone(timedelta(minutes=1439))))
@example(datetime.max.replace(tzinfo=timezone(timedelta(minutes=-1439))))
@example(datetime(1970, 1, 1, tzinfo=UTC))
def test_a_moment_comes_back(moment: datetime) -> None:
    """To the second, in its own zone, up to the calendar's ends."""
    again = unpacked(packed(moment))
    assert again.isoformat() == moment.replace(microsecond=0).isoformat()
    assert packed(again) == packed(moment)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(3_208, 53), (-3_208, -54), (0, 0), (59, 0)], ids=["LMT", "west", "none", "under a minute"]
)
def test_a_zone_is_kept_to_the_minute(seconds: int, minutes: int) -> None:
    """IMAP has no way to write more."""
    moment = datetime(1890, 1, 1, 12, 0, tzinfo=timezone(timedelta(seconds=seconds)))
    assert unpacked(packed(moment)).utcoffset() == timedelta(minutes=minutes)


def test_a_packed_moment_is_small() -> None:
    """It is one short number."""
    assert packed(datetime(9999, 12, 31, tzinfo=UTC)) < 1 << 60
