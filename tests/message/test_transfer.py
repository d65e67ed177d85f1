"""Tests of labserver.message.transfer."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.transfer import decode


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        (b"7bit", b"a=\r\n", b"a=\r\n"),
        (b"8bit", b"\xff\r\n", b"\xff\r\n"),
        (b"binary", b"\0\r", b"\0\r"),
        (b"x-unknown", b"a", None),
        (b"", b"a", None),
        (b"base64", b"", b""),
        (b"base64", b"YWJj\r\nZA==\r\n", b"abcd"),
        (b"base64", b"YW Jj!Z\x00A", b"abcd"),
        (b"base64", b"YQ==YQ==", b"aa"),
        (b"base64", b"YWJjZ", b"abc"),
        (b"base64", b"=", b""),
        (b"quoted-printable", b"a=3Db=\r\nc", b"a=bc"),
        (b"quoted-printable", b"a=3db", b"a=b"),
        (b"quoted-printable", b"a  \r\nb\t\n", b"a\r\nb\n"),
        (b"quoted-printable", b"a= \r\nb", b"ab"),
        (b"quoted-printable", b"a=XYb", b"a=XYb"),
        (b"quoted-printable", b"\xff", b"\xff"),
    ],
)
def test_decoding(encoding: bytes, body: bytes, expected: bytes | None) -> None:
    """As much as can be decoded is; an unknown encoding is None."""
    assert decode(encoding, body) == expected


@given(st.sampled_from([b"base64", b"quoted-printable"]), st.binary())
def test_any_body(encoding: bytes, body: bytes) -> None:
    """Decoding never raises and never grows."""
    decoded = decode(encoding, body)
    assert decoded is not None
    assert len(decoded) <= len(body)


@given(st.binary())
def test_there_and_back(data: bytes) -> None:
    """What was encoded properly is decoded to what it was."""
    assert decode(b"base64", base64.encodebytes(data)) == data


@given(st.binary().map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")))
def test_quoted_and_back(line: bytes) -> None:
    """A line of any octets survives quoted-printable."""
    assert decode(b"quoted-printable", quopri.encodestring(line, quotetabs=True)) == line
