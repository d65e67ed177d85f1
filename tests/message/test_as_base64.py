"""Tests of labserver.message.as_base64."""

from __future__ import annotations

import base64

import pytest

from labserver.message.as_base64 import base64_lines, base64_size, encoding_value, goes_as_base64
from labserver.message.structure import body_structure
from labserver.message.tree import tree

_HEADER = b"Content-Type: %b\r\nX-Note: 1\r\nContent-transfer-ENCODING:%b\r\n\r\n"


@pytest.mark.parametrize("size", [*range(7), 56, 57, 58, 59, 113, 114, 115, 1_000])
def test_lines(size: int) -> None:
    """Octets become lines of 76 characters with an end between them, as many characters as are calculated."""
    octets = bytes(range(250)) * 4
    encoded = base64_lines(octets[:size])
    assert encoded == base64.encodebytes(octets[:size]).rstrip().replace(b"\n", b"\r\n")
    assert len(encoded) == base64_size(size)


@pytest.mark.parametrize(
    ("kind", "encoding", "body", "expected"),
    [
        (b"application/x", b" binary", b"a\0b", True),
        (b"text/plain", b"\tBinary (all of it)", b"\0", True),
        (b"application/x", b" binary", b"ab\r\n", True),
        (b"application/x", b" 8bit", b"a\0b", False),
        (b"application/x", b" x-binary", b"a\0b", False),
        (b"message/rfc822", b" binary", b"\r\na\0b", False),
        (b"multipart/mixed; boundary=b", b" binary", b"\0\r\n--b\r\n\r\n--b--", False),
    ],
)
def test_which_parts(kind: bytes, encoding: bytes, body: bytes, *, expected: bool) -> None:
    """It is for parts that say they are binary, whatever is in them. What has parts of its own is none."""
    assert goes_as_base64(tree(_HEADER % (kind, encoding) + body)) is expected


def test_the_field_that_says_otherwise() -> None:
    """Where the value of the encoding is, so that another can be put there."""
    content = _HEADER % (b"application/x", b"\r\n binary") + b"\0"
    start, end = encoding_value(tree(content))
    assert content[start:end] == b"\r\n binary\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (b"application/x", b"a\0b", b'("application" "x" NIL NIL NIL "base64" 4)'),
        (b"application/x", b"a b", b'("application" "x" NIL NIL NIL "base64" 4)'),
        (b"text/plain", b"\0\n" * 57, b'("text" "plain" ("charset" "us-ascii") NIL NIL "base64" 154 1)'),
    ],
)
def test_structure(kind: bytes, body: bytes, expected: bytes) -> None:
    """BODYSTRUCTURE tells the encoding, the octets and the lines that are given."""
    assert body_structure(tree(_HEADER % (kind, b" binary") + body), extended=False) == expected
