"""Tests of labserver.message.strings."""

from __future__ import annotations

import pytest

from labserver.message.strings import nstring, string


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", b'""'),
        (b"plain\ttext", b'"plain\ttext"'),
        (b'a "b" \\c', b'"a \\"b\\" \\\\c"'),
        (b"a\rb", b"{3}\r\na\rb"),
        (b"a\nb", b"{3}\r\na\nb"),
        (b"\xc3\xa4", b"{2}\r\n\xc3\xa4"),
        (b'"\xff', b'{2}\r\n"\xff'),
        (b"a\0b", b"{5}\r\na\xef\xbf\xbdb"),
    ],
)
def test_strings(value: bytes, expected: bytes) -> None:
    """What can be quoted is quoted, the rest is a literal, and NUL is replaced."""
    assert string(value) == expected


def test_nil() -> None:
    """None is NIL, an empty string is not."""
    assert nstring(None) == b"NIL"
    assert nstring(b"") == b'""'
    assert nstring(b"NIL") == b'"NIL"'
