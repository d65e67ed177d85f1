"""Where TLS records end and clear text begins, whatever segments they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.tls.records import Records

_HELLO = b"\x16\x03\x01\x00\x05hello"
_OLD_HELLO = b"\x80\x0c\x01\x03\x03" + b"x" * 9
_DATA = b"\x17\x03\x03\x00\x03abc"

_STREAMS = [
    (_HELLO, _HELLO),
    (_HELLO + _DATA * 3, _HELLO + _DATA * 3),
    (_HELLO + b"\x14\x03\x03\x00\x01\x01" + _DATA, _HELLO + b"\x14\x03\x03\x00\x01\x01" + _DATA),
    (_HELLO + b"\x15\x03\x03\x00\x02\x01\x00", _HELLO + b"\x15\x03\x03\x00\x02\x01\x00"),
    (_HELLO + b"\x17\x03\x03\x00\x00" + _DATA, _HELLO + b"\x17\x03\x03\x00\x00" + _DATA),
    (_HELLO + b"\x17\x03\x03\x48\x00" + b"p" * 18_432, _HELLO + b"\x17\x03\x03\x48\x00" + b"p" * 18_432),
    (_OLD_HELLO, _OLD_HELLO),
    (_OLD_HELLO + _DATA, _OLD_HELLO + _DATA),
    (b"\x80\x2e\x01\x00\x02" + b"x" * 43, b"\x80\x2e\x01\x00\x02" + b"x" * 43),
    (b"1 LOGIN alice s3cret\r\n", b""),
    (b"\r\n1 LOGIN alice s3cret\r\n", b""),
    ("pässwörd\r\n".encode(), b""),
    ("üs3cret\r\n".encode(), b""),
    (_HELLO + b"PASS s3cret\r\n", _HELLO),
    (_HELLO + _DATA + b"PASS s3cret\r\n" + _DATA, _HELLO + _DATA),
    (_HELLO + b"\x17\x03\x03", _HELLO + b"\x17\x03\x03"),
    (_HELLO + b"\x17PASS s3cret\r\n", _HELLO + b"\x17"),
    (b"\x16\x03\x01s3cret\r\n", b"\x16\x03\x01"),
    (b"\x16\x03\x05\x00\x05hello", b"\x16\x03"),
    (b"\x16\x02\x00\x00\x05hello", b"\x16"),
    (b"\x16\x03\x01\x00\x00s3cret\r\n", b"\x16\x03\x01\x00"),
    (b"\x16\x03\x01\x48\x01s3cret\r\n", b"\x16\x03\x01\x48"),
    (b"\x19\x03\x03\x00\x03abc", b""),
    (_HELLO + _OLD_HELLO, _HELLO),
    (b"\x84\x0c\x01\x03\x03", b""),
    (b"\x80\x02\x01\x03\x03PASS s3cret\r\n", b"\x80"),
    (b"\x80\x0c\x01\x07PASS s3cret\r\n", b"\x80\x0c\x01"),
    (b"", b""),
]


def _taken(stream: bytes, sizes: list[int]) -> bytes:
    """Return what counts as records of a stream that comes in segments of these sizes, then the rest."""
    records, taken = Records(), b""
    for size in [*sizes, len(stream)]:
        segment, stream = stream[:size], stream[size:]
        taken += segment[: records.take(segment)]
    return taken


@pytest.mark.parametrize(("stream", "records"), _STREAMS)
def test_where_records_end(stream: bytes, records: bytes) -> None:
    """What can be records is; from the first octet that cannot, nothing is, not even records."""
    assert _taken(stream, []) == records
    assert _taken(stream, [1] * len(stream)) == records


@given(stream=st.sampled_from([stream for stream, _ in _STREAMS]), sizes=st.lists(st.integers(0, 9), max_size=30))
def test_segments_do_not_matter(stream: bytes, sizes: list[int]) -> None:
    """Where the network cuts changes nothing."""
    assert _taken(stream, sizes) == _taken(stream, [])


@given(
    bodies=st.lists(
        st.tuples(st.sampled_from([20, 21, 22, 23, 24]), st.integers(0, 4), st.binary(min_size=1)), max_size=5
    ),
    clear=st.text(st.characters(min_codepoint=0x20, codec="utf-8"), min_size=6),
    sizes=st.lists(st.integers(0, 40), max_size=10),
)
def test_clear_text_is_never_records(bodies: list[tuple[int, int, bytes]], clear: str, sizes: list[int]) -> None:
    """Behind any records, text of whatever script is in clear from its first octet on."""
    records = b"".join(b"%c\x03%c%b%b" % (kind, minor, len(body).to_bytes(2), body) for kind, minor, body in bodies)
    assert _taken(records + clear.encode(), sizes) == records
