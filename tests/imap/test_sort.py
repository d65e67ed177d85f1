"""Tests of labserver.imap.sort."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labserver.imap.cursor import BadSyntax, Cursor
from labserver.imap.sort import Criterion, parse_criteria, sort
from labserver.mailstore.message import Body
from tests.imap.paper_mailbox import MORNING, mailbox, message

FIELDS: dict[str, list[bytes]] = {
    "Subject": [b"b", b"Re: a", b"[x] C", b"", b"=?utf-8?q?=C3=84?="],
    "From": [b"Zoe <b@x>", b"a@y", b'"Anna" <c@x>', b"grp: d@x;", b"=?utf-8?q?=C3=84da?= <e@x>"],
    "To": [b"B@x", b"", b"a@x, z@x", b"c@x", b"A@x"],
    "Cc": [b"", b"b@x", b"", b"a@x", b""],
    "Date": [
        b"2 Jan 2024 00:00 +0000",
        b"1 Jan 2024 23:00 -0500",
        b"nonsense",
        b"1 Jan 2024 12:00 +0000",
        b"2 Jan 2024 02:00 +0200",
    ],
}
ARRIVALS = [5, 3, 4, 3, 1]
SIZES = [0, 100, 0, 500, 50]
HITS = [
    (
        number + 1,
        message(
            b"".join(name.encode() + b": " + values[number] + b"\r\n" for name, values in FIELDS.items())
            + b"\r\n"
            + b"x" * SIZES[number],
            uid=number + 100,
            arrived=MORNING + timedelta(hours=ARRIVALS[number]),
        ),
    )
    for number in range(5)
]

ORDERS = {
    b"ARRIVAL": [5, 2, 4, 3, 1],
    b"REVERSE ARRIVAL": [1, 3, 2, 4, 5],
    b"SIZE": [3, 1, 5, 2, 4],
    b"REVERSE SIZE": [4, 2, 5, 1, 3],
    b"DATE": [4, 1, 5, 2, 3],
    b"SUBJECT": [4, 2, 5, 1, 3],
    b"FROM": [2, 1, 3, 5, 4],
    b"TO": [2, 3, 5, 1, 4],
    b"CC": [1, 3, 5, 4, 2],
    b"CC REVERSE ARRIVAL": [1, 3, 5, 4, 2],
    b"CC ARRIVAL": [5, 3, 1, 4, 2],
    b"REVERSE CC SUBJECT": [2, 4, 5, 1, 3],
    b"DISPLAYFROM": [2, 3, 5, 4, 1],
    b"DISPLAYTO": [2, 3, 5, 1, 4],
    b"REVERSE DISPLAYFROM": [1, 4, 5, 3, 2],
}


@pytest.mark.parametrize(("criteria", "expected"), ORDERS.items())
def test_orders(criteria: bytes, expected: list[int]) -> None:
    """Messages are sorted as RFC 5256 3 and RFC 5957 say; REVERSE turns one criterion, not the ties."""
    wanted = parse_criteria(Cursor((b"(" + criteria + b")",)), display=True)
    assert [number for number, _ in sort(HITS, wanted)] == expected
    assert [number for number, _ in sort(HITS[::-1], wanted)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"(date)", [Criterion(name=b"DATE")]),
        (b"(REVERSE DATE SUBJECT)", [Criterion(name=b"DATE", reverse=True), Criterion(name=b"SUBJECT")]),
        (b"(SIZE REVERSE SIZE)", [Criterion(name=b"SIZE"), Criterion(name=b"SIZE", reverse=True)]),
    ],
)
def test_criteria(text: bytes, expected: list[Criterion]) -> None:
    """REVERSE belongs to the criterion behind it."""
    assert parse_criteria(Cursor((text,)), display=False) == tuple(expected)


@pytest.mark.parametrize(
    "text",
    [b"()", b"(REVERSE)", b"(DATE REVERSE)", b"(REVERSE REVERSE DATE)", b"(FOO)", b"DATE", b"(DISPLAYFROM)", b"(DATE"],
)
def test_bad_criteria(text: bytes) -> None:
    """What is no list of known criteria is BAD; the display criteria are an extension of their own."""
    with pytest.raises(BadSyntax):
        parse_criteria(Cursor((text,)), display=False)


def test_keys_are_found_once() -> None:
    """What a message is sorted by is kept with it."""
    hits = mailbox(b"Subject: x\r\n\r\n", b"Subject: y\r\n\r\n")
    wanted = (Criterion(name=b"SUBJECT"),)
    sort(hits, wanted)
    for _, mail in hits:
        mail.body = Body(data=b"")
    assert [number for number, _ in sort(hits[::-1], wanted)] == [1, 2]
