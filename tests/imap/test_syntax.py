"""Claims about labserver.imap.syntax."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.imap import syntax
from labserver.mailstore.moments import packed, unpacked


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", b"INBOX"),
        ("a&b", b"a&-b"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("☺!", b"&Jjo-!"),
        ("😀", b"&2D3eAA-"),
        ("tab\t", b"tab&AAk-"),
    ],
)
def test_modified_utf7(name: str, encoded: bytes) -> None:
    """Names of RFC 3501 5.1.3 and others are encoded and read back."""
    assert syntax.encode_mailbox(name) == encoded
    assert syntax.decode_mailbox(encoded) == name


@pytest.mark.parametrize(
    "encoded",
    [
        b"&",
        b"a&b",
        b"&AGE-",
        b"&U,BTFw-&ZeVnLIqe-",
        b"&Jjo",
        b"&2D0-",
        b"&!!-",
        b"&AAAA-b",
        b"Entw\xc3\xbcrfe",
        b"a\tb",
    ],
)
def test_modified_utf7_has_one_spelling(encoded: bytes) -> None:
    """What is no encoding, or a second one of the same name, is refused (RFC 3501 5.1.3)."""
    with pytest.raises(ValueError):  # noqa: PT011 -- any ValueError is the contract
        syntax.decode_mailbox(encoded)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_round_trips(name: str) -> None:
    """Every Unicode name survives both spellings."""
    assert syntax.decode_mailbox(syntax.encode_mailbox(name)) == name
    assert syntax.decode_mailbox(syntax.encode_mailbox(name, utf8=True), utf8=True) == name


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (b"INBOX", b"INBOX"),
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b"nil", b'"nil"'),
        (b'a"\\', b'"a\\"\\\\"'),
        (b"a]", b'"a]"'),
        (b"\xff", b"{1}\r\n\xff"),
        (b"a\r\n", b"{3}\r\na\r\n"),
        (b"x" * 1001, b"x" * 1001),
        (b" " * 1001, b"{1001}\r\n" + b" " * 1001),
    ],
)
def test_astring(value: bytes, written: bytes) -> None:
    """A string takes the shortest form that can hold it."""
    assert syntax.astring(value) == written


def test_utf8_goes_into_quotes_only_when_enabled() -> None:
    """8-bit is quoted after ENABLE UTF8=ACCEPT and if it is UTF-8 (RFC 6855 3), a literal otherwise."""
    assert syntax.string("ü".encode()) == b"{2}\r\n\xc3\xbc"
    assert syntax.string("ü".encode(), utf8=True) == b'"\xc3\xbc"'
    assert syntax.string(b"\xfc", utf8=True) == b"{1}\r\n\xfc"
    assert syntax.nstring(None) == b"NIL"
    assert syntax.literal8(b"\0") == b"~{1}\r\n\0"


@pytest.mark.parametrize(
    ("text", "last", "ranges"),
    [
        (b"1", 9, [(1, 1)]),
        (b"*", 9, [(9, 9)]),
        (b"5:*", 9, [(5, 9)]),
        (b"*:5", 3, [(3, 5)]),
        (b"12:*", 9, [(9, 12)]),
        (b"3,1,2,7:6,6:8", 9, [(1, 3), (6, 8)]),
        (b"4294967295", 9, [(4294967295, 4294967295)]),
    ],
)
def test_sequence_sets(text: bytes, last: int, ranges: list[tuple[int, int]]) -> None:
    """Ranges come ascending, merged, whichever end comes first, with * as the last number (RFC 3501 9)."""
    read = syntax.SequenceSet.read(text)
    assert read.ranges(last) == ranges
    inside = read.numbers(last)
    assert all((n in inside) == any(a <= n <= b for a, b in ranges) for n in range(1, 20))


def test_the_saved_result_is_a_sequence_set() -> None:
    """``$`` is recognised, and nothing with it (RFC 5182)."""
    assert syntax.SequenceSet.read(b"$").saved
    assert syntax.SequenceSet.read(b"$").ranges(5) == []


@pytest.mark.parametrize(
    "text", [b"", b"0", b"1:", b":1", b"1,,2", b"a", b"4294967296", b"1:2:3", b"$,1", b"1" * 30, b"-1"]
)
def test_no_sequence_sets(text: bytes) -> None:
    """0, empty items, huge numbers and anything else are errors."""
    with pytest.raises(ValueError):  # noqa: PT011 -- any ValueError is the contract
        syntax.SequenceSet.read(text)


@given(st.sets(st.integers(1, 60)))
def test_compact_is_read_back(numbers: set[int]) -> None:
    """A compacted set holds exactly its numbers."""
    text = syntax.compact(numbers)
    if not numbers:
        assert text == b""
        return
    ranges = syntax.SequenceSet.read(text).ranges(1)
    assert {n for low, high in ranges for n in range(low, high + 1)} == numbers


def test_runs_keep_the_order() -> None:
    """COPYUID and ESORT need the numbers in the given order."""
    assert syntax.runs([5, 6, 1, 2, 3, 9]) == b"5:6,1:3,9"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2024, 2, 1, 12, 0, 0, tzinfo=UTC), b'"01-Feb-2024 12:00:00 +0000"'),
        (datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(-timedelta(hours=7))), b'"17-Jul-1996 02:44:25 -0700"'),
        (
            datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            b'"17-Jul-1996 02:44:25 +0545"',
        ),
        (datetime(800, 1, 1, tzinfo=timezone(-timedelta(minutes=30))), b'"01-Jan-0800 00:00:00 -0030"'),
    ],
)
def test_internal_dates(moment: datetime, written: bytes) -> None:
    """INTERNALDATE keeps the zone and is read back as the same moment."""
    assert syntax.internal_date(packed(moment)) == written
    assert syntax.read_date_time(written.strip(b'"')) == moment


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_any_internal_date(moment: datetime) -> None:
    """Whatever the moment, the same digits are written that the calendar shows."""
    moment = unpacked(packed(moment))
    written = moment.strftime(f"%d-{syntax.MONTHS[moment.month - 1]}-{moment.year:04} %H:%M:%S %z").encode()
    assert syntax.internal_date(packed(moment)) == b'"%b"' % written


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1-Feb-2024 12:00:00 +0000",
        b"31-Feb-2024 12:00:00 +0000",
        b"01-Foo-2024 12:00:00 +0000",
        b"01-Feb-2024 25:00:00 +0000",
        b"01-Feb-2024 12:00:00 +9999",
        b"01-Feb-2024 12:00:00",
        b"01-Jan-0001 00:00:00 +0100",
        b"31-Dec-9999 23:59:59 -0100",
    ],
)
def test_no_date_times(text: bytes) -> None:
    """Impossible dates and other forms are errors; so is a moment that has no UTC."""
    with pytest.raises(ValueError):  # noqa: PT011 -- any ValueError is the contract
        syntax.read_date_time(text)


def test_dates() -> None:
    """A date has one or two digits for the day and a month name in any case."""
    assert syntax.read_date(b"1-feb-2024") == syntax.read_date(b"01-FEB-2024") == date(2024, 2, 1)
    with pytest.raises(ValueError):  # noqa: PT011 -- any ValueError is the contract
        syntax.read_date(b"30-Feb-2024")
