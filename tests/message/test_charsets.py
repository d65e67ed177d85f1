"""Tests of labserver.message.charsets."""

from __future__ import annotations

import unicodedata
from encodings.aliases import aliases
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.charsets import Folding, codec, decode, fold, text_decoder, titlecased

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [
        ("utf-8", b"\xc3\xa4", "ä"),
        ("UTF8", b"\xc3\xa4", "ä"),
        ("ISO-8859-1", b"\xe4", "ä"),
        ("iso-8859-1", b"\x80", "€"),
        ("iso-8859-15", b"\xa4", "€"),
        ("windows-1252", b"\x80", "€"),
        ("koi8-r", b"\xf0", "П"),
        ("gb2312", b"\xc4\xe3", "你"),
        ("iso-2022-jp", b'\x1b$B$"\x1b(B', "あ"),
        ("us-ascii", b"\xc3\xa4", "ä"),
        ("us-ascii", b"\xe4", "ä"),
        (None, b"\xc3\xa4", "ä"),
        (None, b"\xe4", "ä"),
        ("no-such-charset", b"\xc3\xa4", "ä"),
        ("utf-8", b"a\xff", "a\ufffd"),
    ],
)
def test_decoding(charset: str | None, octets: bytes, text: str) -> None:
    """Text is decoded by its charset; without a usable one it is UTF-8 if it can be, else Latin-1."""
    assert decode(octets, charset) == text


@pytest.mark.parametrize(
    "name",
    ["bz2", "zlib", "base64", "hex", "rot13", "punycode", "idna", "unicode_escape", "undefined", "os", "", "x" * 99],
)
def test_no_charsets(name: str) -> None:
    """Python's other codecs, and what is none, are no charsets."""
    assert codec(name) is None


@given(st.text(max_size=30), st.binary(max_size=30))
def test_any_charset(charset: str, octets: bytes) -> None:
    """No name and no octets raise."""
    decode(octets, charset)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("Ä", "a\u0308"), ("Σίσυφος", "ΣΊΣΥΦΟΣ"), ("ﬁ", "FI"), ("Å", "Å"), ("ABC", "abc")],
)
def test_folding(one: str, other: str) -> None:
    """Case, composition and compatibility forms make no difference."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("smaller", "greater"),
    [("Z", "_"), ("z", "^"), ("A", "b"), ("B", "c"), ("strasse", "stra\u00dfe"), ("\u00e4", "b"), ("a", "\u00e4")],
)
def test_titlecase_orders(smaller: str, greater: str) -> None:
    """Letters are compared in upper case, so that punctuation between the cases comes after them (RFC 5051)."""
    assert titlecased(smaller) < titlecased(greater)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Stra\u00dfe", "STRASSE", False),
        ("stra\u00dfe", "Stra\u00dfe", True),
        ("\ufb01", "fi", False),
        ("\u00c4", "a\u0308", True),
        ("\u01c6", "\u01c4", True),
        ("\u01c5", "\u01c4", True),
        ("\u03c3", "\u03c2", True),
        ("\u0131", "i", True),
    ],
)
def test_titlecase_is_the_simple_one(one: str, other: str, *, equal: bool) -> None:
    """A character becomes one character (UnicodeData's simple mapping), and is then decomposed: sharp s stays."""
    assert (titlecased(one) == titlecased(other)) is equal


@given(st.text(max_size=80))
def test_titlecase_of_any_text(text: str) -> None:
    """It is what the definition says, and does not grow with marks: they are put in order in stretches."""
    simple = "".join(title if len(title := character.title()) == 1 else character for character in text)
    assert titlecased(text) == unicodedata.normalize("NFKD", simple)


def test_folding_long_marks_is_bounded(calls: Callable[[Callable[[], object]], int]) -> None:
    """Combining marks are decomposed piecewise: their reordering would take quadratic time in one piece."""
    text = "a" + "\u0301\u0323" * 5000
    assert calls(lambda: fold(text)) > 9
    assert len(fold(text)) == len(text)


_MARKED = st.builds(
    str.__add__, st.sampled_from("aÄßﷺﬁ \u1100\u1161"), st.text(alphabet="\u0323\u0307\u0f73", max_size=9)
)


@given(st.lists(_MARKED, max_size=20).map(lambda characters: "".join(characters * 60)), st.integers(1, 1500))
def test_folding_in_pieces(text: str, size: int) -> None:
    """Text folds the same in whatever pieces it comes: no mark is parted from what it stands on."""
    folding = Folding()
    pieces = [folding.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join([*pieces, folding.finish()]) == fold(text) == unicodedata.normalize("NFKD", text.casefold())


def test_marks_without_end_are_folded_in_stretches(calls: Callable[[Callable[[], object]], int]) -> None:
    """Marks that have no end are not gathered to be put in order all at once, which takes quadratic time."""
    marks = "a" + "\u0323\u0307" * 10_000
    folding = Folding()
    assert len(folding.feed(marks)) > 19_000
    assert calls(lambda: fold(marks)) < 3_000


@given(st.sampled_from(sorted({name for name in aliases.values() if codec(name)} - {"ascii"})), st.binary(max_size=90))
def test_decoding_in_pieces(charset: str, octets: bytes) -> None:
    """Text decodes the same in whatever pieces it comes, to the end of its last line."""
    octets = octets.replace(b"\n", b"") + b"\n"
    decoder = text_decoder(charset)
    pieces = [decoder.feed(octets[start : start + 7]) for start in range(0, len(octets), 7)]
    assert "".join([*pieces, decoder.finish()]) == decode(octets, charset)


def test_an_endless_shift_sequence() -> None:
    """UTF-7 that never shifts back is decoded all the same, and not from its beginning again for each piece."""
    decoder = text_decoder("utf-7")
    assert sum(len(decoder.feed(b"+" + b"AOQ" * 2000)) for _ in range(100)) > 100_000
