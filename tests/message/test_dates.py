"""Tests of labserver.message.dates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.dates import sent_date


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 1 Jan 2024 09:59:58 +0100", "2024-01-01T09:59:58+01:00"),
        ("1 Jan 2024 09:59 -0530", "2024-01-01T09:59:00-05:30"),
        ("01 JAN 2024 9:59:58 GMT", "2024-01-01T09:59:58+00:00"),
        ("Mon, 1 January 2024 10:00 +01:00", "2024-01-01T10:00:00+01:00"),
        ("Mon, (c) 1 Jan 2024 (c) 10:00:00 (d) +0000 (UTC)", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 24 10:00 EST", "2024-01-01T10:00:00-05:00"),
        ("1 Jan 49 10:00 PDT", "2049-01-01T10:00:00-07:00"),
        ("1 Jan 50 10:00 UT", "1950-01-01T10:00:00+00:00"),
        ("1 Jan 124 10:00 Z", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 2024 10:00 A", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 2024 10:00 XYZ", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 2024 10:00:00.123 +0000", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 2024 23:59:60 +0000", "2024-01-01T23:59:59+00:00"),
        ("1 Jan 2024 10 : 00 : 01 +0000", "2024-01-01T10:00:01+00:00"),
        ("1 Jan 2024", "2024-01-01T00:00:00+00:00"),
        ("1 Jan 2024 10:00 +9900", "2024-01-01T10:00:00+00:00"),
        ("1 Jan 2024 10:00 +0160", "2024-01-01T10:00:00+00:00"),
        ("1-Jan-2024 10:00:00", "2024-01-01T10:00:00+00:00"),
        ("Mon Jan  1 10:00:00 2024", "2024-01-01T10:00:00+00:00"),
        ("Mon Jan  1 10:00:00 EST 2024", "2024-01-01T10:00:00-05:00"),
        ("32 Jan 2024 10:00 +0000", None),
        ("1 Foo 2024 10:00 +0000", None),
        ("1 Jan 2024 25:00 +0000", None),
        ("1 Jan 0000 10:00 +0000", None),
        ("2024-01-01T10:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: str | None) -> None:
    """Current, obsolete and usual wrong forms are read; what is no date is None."""
    found = sent_date(value.encode())
    assert (found and found.isoformat()) == expected


@given(st.one_of(st.binary(max_size=60), st.from_regex(rb"\d{1,3} [A-Z][a-z]{2} \d{2,5} \d\d:\d\d [+-]\d{4}")))
def test_any_value(value: bytes) -> None:
    """No value raises, and what is found can be compared."""
    found = sent_date(value)
    assert found is None or found.utcoffset() is not None
