"""Claims about labserver.imap.cursor."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from labserver.imap.cursor import BadSyntax, Cursor, Refused

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parts", "read", "value"),
    [
        ((b"abc def",), Cursor.atom, b"ABC"),
        ((b"abc def",), Cursor.astring, b"abc"),
        ((b"a]",), Cursor.astring, b"a]"),
        ((b'"a b\\"\\\\"',), Cursor.string, b'a b"\\'),
        ((b'""',), Cursor.string, b""),
        ((b"{3}", b'a"\r', b""), Cursor.string, b'a"\r'),
        ((b"{3+}", b"abc", b""), Cursor.astring, b"abc"),
        ((b"nil",), Cursor.nstring, None),
        ((b'"nil"',), Cursor.nstring, b"nil"),
        ((b"4294967295",), Cursor.number, 4294967295),
        ((b"9223372036854775807",), Cursor.number64, 9223372036854775807),
        ((b"\\sEEN",), Cursor.flag, "\\Seen"),
        ((b"$Junk",), Cursor.flag, "$Junk"),
        ((b"Entw&APw-rfe",), Cursor.mailbox, "Entwürfe"),
        ((b"{12}", b"Entw&APw-rfe", b""), Cursor.mailbox, "Entwürfe"),
        ((b"a*%",), Cursor.list_mailbox, "a*%"),
        ((b'"&bad"',), Cursor.list_mailbox, "&bad"),
        ((b"1-Feb-2024",), Cursor.date, date(2024, 2, 1)),
        ((b'"01-Feb-2024"',), Cursor.date, date(2024, 2, 1)),
    ],
)
def test_reading(parts: tuple[bytes, ...], read: Callable[[Cursor], object], value: object) -> None:
    """Every kind of value is read from text, and strings from literals as well."""
    assert read(Cursor(parts)) == value


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        ((b"",), Cursor.atom),
        ((b"(",), Cursor.atom),
        ((b"a",), Cursor.string),
        ((b'"a',), Cursor.string),
        ((b'"a\\b"',), Cursor.string),
        ((b'"a\rb"',), Cursor.string),
        ((b"{3}",), Cursor.string),
        ((b"{3}", b"a\0b", b""), Cursor.string),
        ((b"~{3}", b"abc", b""), Cursor.string),
        ((b"~{3}", b"abc", b""), lambda cursor: (cursor.astring(), cursor.end())),
        ((b"4294967296",), Cursor.number),
        ((b"-1",), Cursor.number),
        ((b"9223372036854775808",), Cursor.number64),
        ((b"\\Recent",), Cursor.flag),
        ((b"\\*",), Cursor.flag),
        ((b"a]",), lambda cursor: (cursor.flag(), cursor.end())),
        ((b"1,",), Cursor.sequence_set),
        ((b"x",), Cursor.sequence_set),
        ((b"1-Foo-2024",), Cursor.date),
        ((b"01-Feb-2024 00:00:00 +0000",), Cursor.date_time),
        ((b'"01-Feb-2024  00:00:00 +0000"',), Cursor.date_time),
        ((b'"  1-Feb-2024"',), Cursor.date),
        ((b'"1-Feb-2024 "',), Cursor.date),
        ((b"caf\xc3\xa9",), lambda cursor: (cursor.astring(), cursor.end())),
    ],
)
def test_bad_syntax(parts: tuple[bytes, ...], read: Callable[[Cursor], object]) -> None:
    """What is not what the method names is BadSyntax, never another exception."""
    with pytest.raises(BadSyntax):
        read(Cursor(parts))


@pytest.mark.parametrize("name", [b"&bad", b'"Entw\xc3\xbcrfe"', b"&AAA-", b"{3}"])
def test_names_that_cannot_be(name: bytes) -> None:
    """A mailbox name in no valid encoding, or with control characters, is refused with CANNOT."""
    with pytest.raises(Refused) as refused:
        Cursor((name, b"a\tb", b"")).mailbox()
    assert refused.value.code == "CANNOT"


def test_utf8_names() -> None:
    """After ENABLE UTF8=ACCEPT names are UTF-8 and ``&`` is a letter like any other (RFC 6855 3)."""
    assert Cursor(("Entwürfe".encode(),), utf8=True).mailbox() == "Entwürfe"
    assert Cursor((b'"a&-b"',), utf8=True).mailbox() == "a&-b"
    with pytest.raises(Refused):
        Cursor((b'"\xff"',), utf8=True).mailbox()


def test_literals_are_taken_in_their_order() -> None:
    """Text and literals alternate, and the text behind a literal goes on at once."""
    cursor = Cursor((b"a {1}", b"x", b" ({2+}", b"yz", b" end)"))
    assert cursor.atom() == b"A"
    cursor.space()
    assert cursor.string() == b"x"
    cursor.space()
    assert cursor.parenthesised(cursor.astring) == [b"yz", b"end"]
    assert cursor.at_end()


def test_a_saved_result_only_where_there_is_one() -> None:
    """``$`` is a message set with SEARCHRES only."""
    assert Cursor((b"$",)).sequence_set().saved
    with pytest.raises(BadSyntax):
        Cursor((b"$",), saved_results=False).sequence_set()


def test_the_end() -> None:
    """Trailing spaces are forgiven, anything else is not; a literal that follows is something else."""
    Cursor((b"  ",)).end()
    with pytest.raises(BadSyntax):
        Cursor((b" a",)).end()
    assert not Cursor((b"", b"x", b"")).at_end()


def test_separators() -> None:
    """One space separates; skip and expect do not mind the case; list items are separated too."""
    cursor = Cursor((b"rEtUrN (a b)(c+(d",))
    assert not cursor.skip(b"x")
    cursor.expect(b"RETURN")
    cursor.space()
    assert cursor.parenthesised(cursor.atom) == [b"A", b"B"]
    with pytest.raises(BadSyntax):
        cursor.parenthesised(cursor.atom)
    assert not cursor.departures
    with pytest.raises(BadSyntax, match="Missing argument"):
        Cursor((b"",)).space()


@pytest.mark.parametrize(
    ("text", "read", "value", "departure"),
    [
        (b"  x", lambda cursor: (cursor.space(), cursor.atom())[1], b"X", "more than one space in a row"),
        (b"(a  b)", lambda cursor: cursor.parenthesised(cursor.atom), [b"A", b"B"], "more than one space in a row"),
        (b"( a b)", lambda cursor: cursor.parenthesised(cursor.atom), [b"A", b"B"], "a space beside a parenthesis"),
        (b"(a b )", lambda cursor: cursor.parenthesised(cursor.atom), [b"A", b"B"], "a space beside a parenthesis"),
        (b"( )", lambda cursor: cursor.parenthesised(cursor.atom), [], "a space beside a parenthesis"),
        (b'" 1-Feb-2024"', Cursor.date, date(2024, 2, 1), "a space before a date"),
        (b'" 01-Feb-2024"', Cursor.date, date(2024, 2, 1), "a space before a date"),
        *(
            (text, Cursor.date_time, datetime(2024, 2, 1, tzinfo=UTC), "a date-time that is not spaced as it should be")
            for text in (
                b'"1-Feb-2024 00:00:00 +0000"',
                b'" 01-Feb-2024 00:00:00 +0000"',
                b'"01-Feb-2024 00:00:00  +0000"',
            )
        ),
    ],
)
def test_what_dovecot_takes_is_taken_and_noted(
    text: bytes, read: Callable[[Cursor], object], value: object, departure: str
) -> None:
    """Spaces that the grammar does not allow are understood, and the departure is named."""
    cursor = Cursor((text,))
    assert read(cursor) == value
    assert list(cursor.departures) == [departure]


@pytest.mark.parametrize("text", [b'"01-Feb-2024 00:00:00 +0000"', b'" 1-Feb-2024 00:00:00 +0000"'])
def test_what_is_right_is_not_noted(text: bytes) -> None:
    """Both ways to write a day are the grammar's."""
    cursor = Cursor((text,))
    assert cursor.date_time() == datetime(2024, 2, 1, tzinfo=UTC)
    assert not cursor.departures
