"""Tests of labserver.imap.sort."""

from __future__ import annotations

import random
from datetime import timedelta
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.effort import Effort, at_once
from labserver.imap.cursor import BadSyntax, Cursor
from labserver.imap.sort import Criterion, in_order, parse_criteria, sort
from labserver.mailstore.message import Body
from tests.imap.paper_mailbox import MORNING, mailbox, message
from tests.work import Counted

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
    assert [number for number, _ in at_once(sort(HITS, wanted, Effort()))] == expected
    assert [number for number, _ in at_once(sort(HITS[::-1], wanted, Effort()))] == expected


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
    at_once(sort(hits, wanted, Effort()))
    for _, mail in hits:
        mail.body = Body(data=b"")
    assert [number for number, _ in at_once(sort(hits[::-1], wanted, Effort()))] == [1, 2]


@given(st.lists(st.integers(0, 50), max_size=300), st.booleans())
def test_sorting_in_turns(numbers: list[int], reverse: bool) -> None:  # noqa: FBT001 -- an example's value
    """Sorting in runs and merging them is sorting, equal ones in their order, forwards and backwards."""
    pairs = [(number // 10, (number, place)) for place, number in enumerate(numbers)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("labserver.imap.sort._RUN", 7)
        found = at_once(in_order(pairs, Effort(turn=1), reverse=reverse))
    assert found == sorted(pairs, key=itemgetter(0), reverse=reverse)


def test_sorting_many_takes_turns() -> None:
    """A hundred thousand pairs are sorted in runs, and no merge is long."""
    effort = Counted()
    chance = random.Random(7)  # noqa: S311 -- a test's dice
    at_once(in_order([(chance.random(), number) for number in range(100_000)], effort))
    assert effort.turns >= 8
    assert effort.largest <= 100_000 * 16


def test_a_repeated_criterion_is_sorted_by_once() -> None:
    """What is named again decides nothing, and costs nothing."""
    hits = mailbox(*(b"Subject: %d\r\n\r\n" % (number * 7 % 50) for number in range(50)))
    once, again = Counted(), Counted()
    wanted = (Criterion(name=b"SUBJECT"),)
    at_once(sort(hits, wanted, Effort()))
    expected = at_once(sort(hits, wanted, once))
    assert at_once(sort(hits, wanted + (Criterion(name=b"SUBJECT", reverse=True),) * 500, again)) == expected
    assert again.total == once.total


def test_what_is_sorted_by_is_short() -> None:
    """Of an endless subject or name only the beginning is kept to sort by."""
    endless = "ﷺ".encode() * 9000
    hits = mailbox(b"Subject: %b\r\nFrom: %b <a@x>\r\n\r\n" % (endless, endless))
    at_once(sort(hits, (Criterion(name=b"SUBJECT"), Criterion(name=b"DISPLAYFROM")), Effort()))
    assert all(len(value) <= 1000 for value in (hits[0][1].cache or {}).values())
    assert len(hits[0][1].cache or {}) == 2


def test_subjects_are_in_the_order_of_unicode_casemap() -> None:
    """``_`` and ``^`` come after ``Z`` and sharp s after ``ss``, as RFC 5051's titlecase has them."""
    subjects = ["_", "Stra\u00dfe", "z", "^", "STRASSE", "a", "\u00c4", "B"]
    hits = [
        (number, message(f"Subject: {subject}\r\n\r\n".encode(), uid=number))
        for number, subject in enumerate(subjects, 1)
    ]
    ordered = at_once(sort(hits, (Criterion(name=b"SUBJECT"),), Effort()))
    assert [subjects[number - 1] for number, _ in ordered] == [
        "a",
        "\u00c4",
        "B",
        "STRASSE",
        "Stra\u00dfe",
        "z",
        "^",
        "_",
    ]
