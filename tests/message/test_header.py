"""Tests of labserver.message.header."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labserver.message.header import MOST_OCTETS, Header, header_end, unfolded

HEADER = (
    b"From: one\r\nX-A : 1\r\nno colon\r\nfrom:\r\n two\r\n\tthree \r\n: no name\r\nX-B:\tcr\rcr\r\n"
    b" \r\nX-\xff: 8\xe9bit\nlast: x"
)


def whole(content: bytes) -> Header:
    """Return all of ``content`` as a header."""
    return Header(content, 0, len(content))


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"", 0),
        (b"\r\n", 2),
        (b"\nbody", 1),
        (b"a: b\r\n\r\nbody\r\n\r\n", 8),
        (b"a: b\n\nbody", 6),
        (b"a: b\n\r\nbody", 7),
        (b"a: b\r\n \r\nc: d", 13),
        (b"a: b\r\r\rc", 8),
        (b"\ra: b", 5),
    ],
)
def test_where_it_ends(content: bytes, end: int) -> None:
    """A header ends behind the first blank line; neither white space nor a bare CR makes a line blank."""
    assert header_end(content) == end


def test_fields() -> None:
    """Fields follow each other without a gap, whatever they are."""
    fields = list(whole(HEADER).fields())
    assert [field.name for field in fields] == [
        b"from", b"x-a", b"no colon", b"from", b"", b"x-b", b"x-\xff", b"last",
    ]  # fmt: skip
    assert b"".join(HEADER[field.start : field.end] for field in fields) == HEADER


def test_values() -> None:
    """Values are found by lower-case name, unfolded, in order."""
    header = whole(HEADER)
    assert header.first(b"from") == b"one"
    assert header.all(b"from") == [b"one", b"two three"]
    assert header.first(b"x-a") == b"1"
    assert header.first(b"x-b") == b"cr\rcr"
    assert header.first(b"x-\xff") == b"8\xe9bit"
    assert header.first(b"no colon") == b""
    assert header.first(b"missing") is None
    assert header.all(b"missing") == []


def test_selection_is_exact() -> None:
    """Chosen fields are delivered octet for octet, in the message's order, repeated ones too."""
    assert whole(HEADER).selection({b"from", b"x-a"}) == (b"From: one\r\nX-A : 1\r\nfrom:\r\n two\r\n\tthree \r\n\r\n")


def test_selection_of_the_others() -> None:
    """Excluding names leaves all other fields; a missing line ending is added."""
    assert whole(b"a: 1\r\nb: 2\r\nc: 3").selection({b"b"}, excluding=True) == b"a: 1\r\nc: 3\r\n\r\n"


def test_blank_line_is_no_field() -> None:
    """The delimiting blank line belongs to the header but is no field."""
    header = whole(b"a: 1\r\n\r\n")
    assert [field.name for field in header.fields()] == [b"a"]
    assert header.raw == b"a: 1\r\n\r\n"


def test_only_so_much_is_interpreted() -> None:
    """Fields far down a huge header are delivered, but answer no question."""
    content = b"a: 1\r\n" + b"x: y\r\n" * (MOST_OCTETS // 6) + b"b: 2\r\n"
    header = whole(content)
    assert header.first(b"a") == b"1"
    assert header.first(b"b") is None
    assert header.selection({b"b"}) == b"b: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b" a \r\n", b"a"),
        (b"a\r\n b", b"a b"),
        (b"a\n\tb", b"a b"),
        (b"a\r\n  b", b"a  b"),
        (b"a\rb", b"a\rb"),
        (b"a\tb", b"a\tb"),
        (b"\r\n a", b"a"),
    ],
)
def test_unfolding(value: bytes, expected: bytes) -> None:
    """A fold with its first blank is one space (RFC 5322 2.2.3); the ends are trimmed."""
    assert unfolded(value) == expected


_PIECES = st.sampled_from([b"a", b"B", b"b%", b"ab", b":", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\xe9", b"x"])
_HEADERS = st.lists(_PIECES, max_size=30).map(b"".join)
_NAMES = st.frozensets(st.sampled_from([b"a", b"b", b"ab", b"b%", b"x", b"", b"a:b", b"a b", b"\xe9"]), max_size=4)


@given(_HEADERS, _NAMES, st.integers(0, 3))
@example(b" a: 1\r\n\r b: 2\n a: no", frozenset({b"a", b"b"}), 0)
@example(b"a\n b: folded\nb", frozenset({b"a", b"b"}), 0)
def test_looking_for_names_finds_what_reading_fields_finds(content: bytes, names: frozenset[bytes], start: int) -> None:
    """The short way to a few fields gives octet for octet what reading all fields gives, whatever the header."""
    start = content.rfind(b"\n", 0, start) + 1  # a header begins at the beginning of a line
    header = Header(content, start, len(content))
    fields = [field for field in header.fields() if field.name in names]
    chosen = b"".join(content[field.start : field.end] for field in fields)
    if chosen and not chosen.endswith(b"\n"):
        chosen += b"\r\n"
    assert header.selection(names) == chosen + b"\r\n"
    for name in names:
        values = [unfolded(content[field.value : field.end]) for field in fields if field.name == name]
        assert header.all(name) == values


@given(st.lists(st.one_of(_PIECES, st.sampled_from([b"Content-Type", b"\ncontent-id:", b"\r\nMIME-Version"]))))
@example([b"Content-Type: 1\r\n\rcontent-TYPE : 2\ncontent-id\n x\n: no name\n Content-MD5: no"])
@example([b" content-id: 1\ncontent-id: 2"])
def test_fields_of_mime_are_found_like_all_others(pieces: list[bytes]) -> None:
    """The short way to the fields that a part is asked for finds the first of each, as reading all fields does."""
    content = b"".join(pieces)
    fields = whole(content).fields()
    values = [(field.name, unfolded(content[field.value : field.end])) for field in fields]
    for name in (b"content-type", b"content-id", b"content-md5", b"mime-version"):
        assert whole(content).first(name) == next((value for known, value in values if known == name), None)


@given(st.text("a: \r\n", max_size=30), st.integers(0, 31))
def test_fields_up_to_a_place(text: str, within: int) -> None:
    """Those that end there or before are the same as without a bound, also when the next one would go on behind it."""
    header = whole(text.encode())
    assert list(header.fields(within=within)) == [field for field in header.fields() if field.end <= within]


def test_nothing_behind_the_place_is_looked_at() -> None:
    """What is there makes no difference, even if it goes on with the field."""
    content = b"a: 1\r\nb: 2\r\n"
    assert list(whole(content + b" more" * 9).fields(within=len(content))) == list(whole(content).fields())[:1]
