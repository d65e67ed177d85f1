"""Claims about the ends of a period of validity, as recipes write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labserver.pki.validity import Moment

NOW = datetime(2026, 11, 24, 13, 14, 15, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-1d", b"\x17\x0d261123000000Z"),
        ("+20d", b"\x17\x0d261214000000Z"),
        ("-1h", b"\x17\x0d261124120000Z"),
        ("-1s", b"\x17\x0d261123235959Z"),
        ("now+60s", b"\x17\x0d261124131515Z"),
        ("generalized:+1h", b"\x18\x0f20261124140000Z"),
        ("+9000d", b"\x18\x0f20510716000000Z"),
        ("utc:261301000000Z", b"\x17\x0d261301000000Z"),
    ],
)
def test_written(text: str, written: bytes) -> None:
    """Days and seconds count from midnight, hours from the full one, unless it is from now; 2050 changes the type."""
    assert Moment.parse(text).encoded(NOW) == written


@pytest.mark.parametrize("text", ["", "1d", "+1m", "utc:", "local:+1d", "+1d "])
def test_mistakes(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="a time such as"):
        Moment.parse(text)
