"""Tests of labserver.message.content_fields."""

from __future__ import annotations

import pytest

from labserver.message.content_fields import content_type, parameterized, tokens, without_comments


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/plain", ("text", "plain")),
        ("TEXT / Plain ; a=b", ("TEXT", "Plain")),
        ("text(comment)/plain", ("text", "plain")),
        ("text", ("text", "")),
        ("text/", ("text", "")),
        ("text; a=b", ("text", "")),
        ("application/vnd.x+json", ("application", "vnd.x+json")),
    ],
)
def test_media_types(value: str, expected: tuple[str, str]) -> None:
    """Type and subtype keep the sender's spelling."""
    found = content_type(value.encode())
    assert found is not None
    assert (found.type.decode(), found.subtype.decode()) == expected


@pytest.mark.parametrize("value", [b"", b"/plain", b";a=b", b"(text/plain)", b'"text"/plain'])
def test_no_media_type(value: bytes) -> None:
    """A field without a type is none at all, so that the default applies (RFC 2045 5.2)."""
    assert content_type(value) is None


PARAMETERS = {
    "a=b": [("a", "b")],
    "a=b; c=d": [("a", "b"), ("c", "d")],
    'a="b;c=d"; e=f': [("a", "b;c=d"), ("e", "f")],
    'a="b\\"c\\\\d"': [("a", 'b"c\\d')],
    'a="unterminated': [("a", "unterminated")],
    'a=""; b=': [("a", ""), ("b", "")],
    "a = b": [("a", "b")],
    "a=b (comment); (c) d=e": [("a", "b"), ("d", "e")],
    'a="(no comment)"': [("a", "(no comment)")],
    "a=b/c:d=e": [("a", "b/c:d=e")],
    "a==?utf-8?b?YQ==?=; b=c": [("a", "=?utf-8?b?YQ==?="), ("b", "c")],
    "a b=c; =d;; e; f=g": [("f", "g")],
    "A=b; a=c": [("A", "b"), ("a", "c")],
    # RFC 2231: continuations are joined, whatever their order; charset, language and percent-encoding stay.
    "a*=utf-8'en'%41": [("a*", "utf-8'en'%41")],
    "a*0=x; a*1=y": [("a", "xy")],
    "a*1=y; b=c; a*0=x": [("b", "c"), ("a", "xy")],
    "a*0*=utf-8''%41; a*1=%; a*2*=%42": [("a*", "utf-8''%41%25%42")],
    "a*0=x; a*1*=%42": [("a*", "''x%42")],
    "a*0=x; a*2=z": [("a*0", "x"), ("a*2", "z")],
    "a*x=y": [("a*x", "y")],
}


@pytest.mark.parametrize(("text", "expected"), PARAMETERS.items(), ids=PARAMETERS.keys())
def test_parameters(text: str, expected: list[tuple[str, str]]) -> None:
    """Parameters are read as RFC 2045 and RFC 2231 mean them; what cannot be one is passed over."""
    found = parameterized(b"attachment; " + text.encode())
    assert found is not None
    assert found.value == b"attachment"
    assert [(name.decode(), value.decode()) for name, value in found.parameters] == expected


def test_parameter_by_name() -> None:
    """A parameter is found by its lower-case name, the first of several."""
    found = content_type(b"text/plain; Charset=a; charset=b")
    assert found is not None
    assert found.parameter(b"charset") == b"a"
    assert found.parameter(b"name") is None
    assert found.essence == b"text/plain"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"en", [b"en"]),
        (b"en, de (German), fr-CA", [b"en", b"de", b"fr-CA"]),
        (b"", []),
        (b", en", []),
        (b"en;q=1", [b"en"]),
    ],
)
def test_tokens(value: bytes, expected: list[bytes]) -> None:
    """A list of tokens ends where something else comes."""
    assert tokens(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a(b)c", b"ac"),
        (b"a(b(c)d)e", b"ae"),
        (b'a"(b)"c', b'a"(b)"c'),
        (b"a(\\))b", b"ab"),
        (b'a("b)c', b"ac"),
        (b"a(b", b"a"),
        (b"a)b", b"a)b"),
    ],
)
def test_comments(value: bytes, expected: bytes) -> None:
    """Comments nest; a quote in a comment is nothing special, a parenthesis in quotes neither."""
    assert without_comments(value) == expected
