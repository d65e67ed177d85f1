"""Tests of labserver.imap.search."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.imap.cursor import BadSyntax, Cursor, Refused
from labserver.imap.dialect import compose
from labserver.imap.search import DEEPEST, LONGEST, MOST_KEYS, parse_charset, parse_search
from labserver.imap.search_keys import (
    Age,
    All,
    And,
    Arrived,
    Changed,
    Flag,
    Header,
    Not,
    Numbered,
    Or,
    Recent,
    Relation,
    SearchKey,
    Sent,
    Size,
    Text,
)
from labserver.imap.syntax import SequenceSet
from labserver.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labserver.imap.search import KeyReader

EXTENSIONS = frozenset({"CONDSTORE", "WITHIN", "ESEARCH", "SEARCHRES", "SAVEDATE"})


def keys(extensions: frozenset[str] = EXTENSIONS) -> Mapping[bytes, Callable[[KeyReader], SearchKey]]:
    """Return the search keys that are known with these extensions."""
    return compose(extensions, Limits()).search_keys


LITERAL = re.compile(rb"\{(\d+)\}\r\n")


def parts(command: bytes) -> tuple[bytes, ...]:
    """Split a command into text, literal, text … as the framer does."""
    found: list[bytes] = []
    position = 0
    while (announced := LITERAL.search(command, position)) is not None:
        end = announced.end() + int(announced[1])
        found += [command[position : announced.end() - 2], command[announced.end() : end]]
        position = end
    return (*found, command[position:])


def read(command: bytes, charset: str = "US-ASCII") -> SearchKey:
    """Read search keys with all extensions on."""
    return parse_search(Cursor(parts(command)), charset=charset, keys=keys())


def flag(name: str) -> Flag:
    """Return a key for a flag."""
    return Flag(name=name)


def no_flag(name: str) -> Flag:
    """Return a key for a flag that is not set."""
    return Flag(name=name, present=False)


DAY = date(2024, 2, 1)
KEYS: dict[bytes, SearchKey] = {
    b"ALL": All(),
    b"ANSWERED": flag("\\Answered"),
    b"BCC x": Header(name=b"bcc", text="x"),
    b"BEFORE 1-Feb-2024": Arrived(relation=Relation.BEFORE, day=DAY),
    b"BODY x": Text(text="x", headers=False),
    b"CC x": Header(name=b"cc", text="x"),
    b"DELETED": flag("\\Deleted"),
    b"DRAFT": flag("\\Draft"),
    b"FLAGGED": flag("\\Flagged"),
    b"FROM x": Header(name=b"from", text="x"),
    b'HEADER X-Thing "A b"': Header(name=b"x-thing", text="a b"),
    b'HEADER "X-Thing" ""': Header(name=b"x-thing", text=""),
    b"KEYWORD $Important": flag("$Important"),
    b"LARGER 100": Size(octets=100, larger=True),
    b"LARGER 5000000000": Size(octets=5_000_000_000, larger=True),
    b"NEW": And((Recent(), no_flag("\\Seen"))),
    b"NOT SEEN": Not(flag("\\Seen")),
    b"NOT NOT ALL": Not(Not(All())),
    b"OLD": Not(Recent()),
    b'ON "1-Feb-2024"': Arrived(relation=Relation.ON, day=DAY),
    b"OR ALL (ALL SEEN)": Or(All(), And((All(), flag("\\Seen")))),
    b"OR OR ALL SEEN RECENT": Or(Or(All(), flag("\\Seen")), Recent()),
    b"RECENT": Recent(),
    b"SEEN": flag("\\Seen"),
    b"SENTBEFORE 01-Feb-2024": Sent(relation=Relation.BEFORE, day=DAY),
    b"SENTON 1-feb-2024": Sent(relation=Relation.ON, day=DAY),
    b"SENTSINCE 1-Feb-2024": Sent(relation=Relation.SINCE, day=DAY),
    b"SINCE 1-Feb-2024": Arrived(relation=Relation.SINCE, day=DAY),
    b"SMALLER 100": Size(octets=100, larger=False),
    b"SUBJECT {5}\r\na\r\nbC": Header(name=b"subject", text="a\r\nbc"),
    b"TEXT x": Text(text="x", headers=True),
    b"TO x": Header(name=b"to", text="x"),
    b"UID 1:*": Numbered(numbers=SequenceSet.read(b"1:*"), uid=True),
    b"UID $": Numbered(numbers=SequenceSet.read(b"$"), uid=True),
    b"UNANSWERED": no_flag("\\Answered"),
    b"UNDELETED": no_flag("\\Deleted"),
    b"UNDRAFT": no_flag("\\Draft"),
    b"UNFLAGGED": no_flag("\\Flagged"),
    b"UNKEYWORD x": no_flag("x"),
    b"UNSEEN": no_flag("\\Seen"),
    b"2,4:7,*": Numbered(numbers=SequenceSet.read(b"2,4:7,*"), uid=False),
    b"*": Numbered(numbers=SequenceSet.read(b"*"), uid=False),
    b"$": Numbered(numbers=SequenceSet.read(b"$"), uid=False),
    b"MODSEQ 9223372036854775807": Changed(modseq=9_223_372_036_854_775_807),
    b'MODSEQ "/flags/\\\\draft" all 620': Changed(modseq=620),
    b"OLDER 3600": Age(seconds=3600, younger=False),
    b"YOUNGER 3600": Age(seconds=3600, younger=True),
    b"(ALL)": All(),
    b"((ALL))": All(),
    b"seen Deleted": And((flag("\\Seen"), flag("\\Deleted"))),
    b"SEEN ": flag("\\Seen"),
}


@pytest.mark.parametrize(("command", "expected"), KEYS.items(), ids=[repr(command) for command in KEYS])
def test_keys(command: bytes, expected: SearchKey) -> None:
    """Each key of RFC 3501 6.4.4 and of the extensions is read as what it means."""
    assert read(command) == expected


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b" ",
        b" ALL",
        b"FOO",
        b"()",
        b"(ALL",
        b"ALL)",
        b"OR ALL",
        b"NOT",
        b"HEADER x",
        b"FROM",
        b"FROM ",
        b"LARGER x",
        b"LARGER -1",
        b"ON 32-Feb-2024",
        b"ON tomorrow",
        b"KEYWORD \\Seen",
        b"KEYWORD",
        b"UID",
        b"UID x",
        b"0",
        b"1:0",
        b"4294967296",
        b"OLDER 0",
        b"YOUNGER 4294967296",
        b"MODSEQ",
        b'MODSEQ "/flags/x" some 1',
        b'MODSEQ "/flags/x" all',
        b"FROM \xc3\xa4",
        b"CHARSET UTF-8 ALL",
        b"ALL $x",
    ],
)
def test_bad_syntax(command: bytes) -> None:
    """What the grammar does not allow is BAD."""
    with pytest.raises(BadSyntax):
        read(command)


@pytest.mark.parametrize(
    ("command", "extension"),
    [
        (b"MODSEQ 1", "CONDSTORE"),
        (b"OLDER 1", "WITHIN"),
        (b"YOUNGER 1", "WITHIN"),
        (b"$", "SEARCHRES"),
        (b"UID $", "SEARCHRES"),
        (b"SAVEDBEFORE 1-Jan-2026", "SAVEDATE"),
        (b"SAVEDON 1-Jan-2026", "SAVEDATE"),
        (b"SAVEDSINCE 1-Jan-2026", "SAVEDATE"),
        (b"SAVEDATESUPPORTED", "SAVEDATE"),
    ],
)
def test_extensions_can_be_off(command: bytes, extension: str) -> None:
    """A key of an extension that is switched off does not exist."""
    with pytest.raises(BadSyntax):
        parse_search(Cursor((command,)), keys=keys(EXTENSIONS - {extension}))
    parse_search(Cursor((command,)), keys=keys(frozenset({extension, "ESEARCH"})))


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("utf-8", b"Gr\xc3\xbc\xc3\x9fe"),
        ("US-ASCII", b"Gr\xc3\xbc\xc3\x9fe"),
        ("iso-8859-1", b"Gr\xfc\xdfe"),
        ("windows-1252", b"GR\xdcSSE"),
        ("utf-8", b"gru\xcc\x88sse"),
    ],
)
def test_charsets(charset: str, octets: bytes) -> None:
    """Whatever the charset, the same text is the same key; ASCII with 8-bit octets can only have meant UTF-8."""
    command = b"SUBJECT {%d}\r\n%b" % (len(octets), octets)
    assert read(command, charset) == Header(name=b"subject", text="gru\u0308sse")


@pytest.mark.parametrize("charset", ["utf-8", "US-ASCII"])
def test_invalid_text(charset: str) -> None:
    """A string that is not in its charset is BAD."""
    with pytest.raises(BadSyntax):
        read(b"SUBJECT {2}\r\n\xff\xfe", charset)


@pytest.mark.parametrize("name", [b"UTF-8", b"us-ascii", b"ISO-8859-15", b"koi8-r", b"Shift_JIS"])
def test_known_charsets(name: bytes) -> None:
    """A charset that mail uses can be searched in."""
    read(b"ALL", parse_charset(name))


@pytest.mark.parametrize(
    "name", [b"X-FOO", b"", b"UTF-16", b"utf-7", b"bz2", b"\xff", b"UTF-", b"utf", b"-UTF-8", b"u8"]
)
def test_unknown_charsets(name: bytes) -> None:
    """Any other is refused with BADCHARSET and those that are certainly known (RFC 3501 7.1)."""
    with pytest.raises(Refused) as refusal:
        parse_charset(name)
    assert refusal.value.code == "BADCHARSET (US-ASCII UTF-8 ISO-8859-1)"


@pytest.mark.parametrize(("before", "behind"), [(b"NOT ", b""), (b"(", b")"), (b"OR ALL ", b"")])
def test_depth_is_bounded(before: bytes, behind: bytes) -> None:
    """Keys are read up to the deepest level and refused beyond it, long before Python's own limit."""
    deepest = DEEPEST - 1
    read(before * deepest + b"ALL" + behind * deepest)
    for depth in (DEEPEST, 20_000):
        with pytest.raises(BadSyntax, match="too deep"):
            read(before * depth + b"ALL" + behind * depth)


@given(
    st.lists(st.sampled_from([b"ALL", b"NOT", b"OR", b"(", b")", b" ", b"1", b"UID", b"FROM", b"x", b'"', b"$", b"*"]))
)
def test_any_command(pieces: list[bytes]) -> None:
    """A command is read or BAD, never anything else."""
    try:
        read(b"".join(pieces))
    except BadSyntax as error:
        assert str(error)  # noqa: PT017 -- either outcome is right


def test_the_number_of_different_keys_is_bounded() -> None:
    """Two hundred different keys are read, one more is BAD; equal ones count once, and a long set is one key."""
    keys = [b"SUBJECT %d" % number for number in range(MOST_KEYS)]
    read(b" ".join(keys))
    read(b" ".join([*keys, *keys]))
    read(b"OR ALL NOT " * 40 + b" ".join(keys[:-1]))
    with pytest.raises(BadSyntax, match="at most 200 different keys"):
        read(b" ".join([*keys, b"SEEN"]))
    read(b",".join(b"%d" % number for number in range(1, 24_000, 2)))


@pytest.mark.parametrize("key", [b"BODY", b"TEXT", b"SUBJECT", b"HEADER Subject", b"KEYWORD x HEADER"])
def test_the_length_of_a_string_is_bounded(key: bytes) -> None:
    """A string of two thousand octets can be looked for, and a field's name can be as long; a longer one is BAD."""
    rest = b" x" if key.endswith(b"x HEADER") else b""

    def search(size: int) -> SearchKey:
        return parse_search(Cursor((key + b" {%d}" % size, b"y" * size, rest)), charset="utf-8")

    search(LONGEST)
    with pytest.raises(BadSyntax, match="at most 2000 octets"):
        search(LONGEST + 1)


def test_what_is_too_long_is_not_decoded() -> None:
    """A string is measured before anything is done with it."""
    with pytest.raises(BadSyntax, match="at most 2000 octets"):
        parse_search(Cursor((b"BODY {9999}", b"\xff" * 9999, b"")), charset="utf-8")
