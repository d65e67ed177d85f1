"""Tests of labserver.message.charsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.charsets import codec, decode, fold

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


def test_folding_long_marks_is_bounded(calls: Callable[[Callable[[], object]], int]) -> None:
    """Combining marks are decomposed piecewise: their reordering would take quadratic time in one piece."""
    text = "a" + "\u0301\u0323" * 5000
    assert calls(lambda: fold(text)) > 9
    assert len(fold(text)) == len(text)
