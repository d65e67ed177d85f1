"""Tests of labserver.message.transfer."""

from __future__ import annotations

import base64
import binascii
import quopri
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labserver.message.transfer import PIECE, decode, decoded_pieces, decoder, windows

_MESSY_BASE64 = st.lists(
    st.sampled_from(
        [b"QUJD", b"\r\n", b"\n", b" ", b"=", b"==", b"A", b"/", b"+", b"z9", b"!", b"\xff", b"\0" * 20, b"-"]
    )
).map(b"".join)
_MESSY_QUOTED = st.lists(
    st.sampled_from(
        [
            b"text",
            b"=3D",
            b"=3d",
            b"=4",
            b"=G",
            b"=",
            b"==",
            b"\r",
            b"\n",
            b"\r\n",
            b" ",
            b"\t",
            b"  \r\n",
            b"=\r",
            b"= ",
            b"_",
        ]
    )
).map(b"".join)


def _model(encoding: bytes, body: bytes) -> bytes:
    """Decode a whole body octet by octet, as it was done before it was done in pieces."""
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(re.sub(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)", b"", body))
    decoded = b""
    for run in body.split(b"="):
        digits = re.sub(rb"[^A-Za-z0-9+/]+", b"", run)
        if len(digits) % 4 == 1:
            digits = digits[:-1]
        decoded += binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    return decoded


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


@given(
    st.one_of(st.tuples(st.just(b"base64"), _MESSY_BASE64), st.tuples(st.just(b"quoted-printable"), _MESSY_QUOTED)),
    st.integers(1, 40),
    st.sampled_from([0, 1_100]),
)
@example((b"quoted-printable", b"=\ry\nz"), 3, 1_100)
@example((b"quoted-printable", b"= \t\r\nz=4\r\n=4=3D"), 1, 1_100)
@settings(deadline=None)  # thousands of pieces of one octet
def test_malformed_in_pieces(body: tuple[bytes, bytes], size: int, before: int) -> None:
    """Whatever is wrong in it, and wherever it is cut, a body decodes to what the whole of it decodes to."""
    encoding, octets = body
    octets = b"x" * before + octets  # which makes a line that is not waited for
    pieces = decoded_pieces(encoding, windows(octets, 0, len(octets), size))
    assert pieces is not None
    assert b"".join(pieces) == _model(encoding, octets)
    assert decode(encoding, octets) == _model(encoding, octets)


@given(
    st.one_of(st.tuples(st.just(b"base64"), _MESSY_BASE64), st.tuples(st.just(b"quoted-printable"), _MESSY_QUOTED)),
    st.integers(1, 40),
    st.integers(1, 200),
)
@settings(deadline=None)  # thousands of decoders
def test_going_on_from_a_mark(body: tuple[bytes, bytes], size: int, repeated: int) -> None:
    """A decoder that begins at another's mark decodes what is left, nothing twice and nothing not at all."""
    encoding, octets = body
    octets *= repeated
    assert _relayed(encoding, octets, size) == _model(encoding, octets)


def _relayed(encoding: bytes, octets: bytes, size: int) -> bytes:
    """Decode each piece with a decoder of its own."""
    decoded, start, state = b"", 0, b""
    while True:
        undoing = decoder(encoding, state)
        assert undoing is not None
        end = min(start + size, len(octets))
        decoded += undoing.feed(octets[start:end])
        if end == len(octets):
            return decoded + undoing.finish()
        back, state = undoing.mark()
        size += back  # what it could not decode yet is fed again, with more behind it
        start = end - back


def test_a_line_without_an_end() -> None:
    """A line that never ends is decoded all the same, and no more than a bounded piece of it is held."""
    for octets in (
        b"a b=3D" * 50_000,
        b"\t" * 300_000 + b"x",
        b"=" * 300_000,
        b"\r" * 300_000,
        b"=\r" + b"a" * 300_000,
    ):
        undoing = decoder(b"quoted-printable")
        assert undoing is not None
        held, decoded = 0, 0
        for piece in windows(octets, 0, len(octets)):
            decoded += len(undoing.feed(piece))
            held = max(held, undoing.mark().back)
        assert held <= (1 << 16) + PIECE
        assert decoded + len(undoing.finish()) == len(_model(b"quoted-printable", octets))
