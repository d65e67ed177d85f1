"""Tests of labserver.message.decoded: what is decoded of a long body is what was asked for, and so is what it costs."""

from __future__ import annotations

import base64
import quopri
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labserver.message.decoded import MOST_PLACES, STEP, DecodedBody
from labserver.message.transfer import PIECE, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

_KIB = 1 << 10
_PLAIN = bytes(range(256)) * 4 * _KIB
_BODIES = {
    b"base64": base64.encodebytes(_PLAIN).replace(b"\n", b"\r\n"),
    b"quoted-printable": quopri.encodestring(_PLAIN).replace(b"\n", b"\r\n"),
}


class _Meter:
    """Encoded octets, and how many of them were read."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.read = 0

    def __call__(self, start: int, end: int) -> bytes:
        self.read += end - start
        return self.octets[start:end]

    def took(self) -> int:
        """Return what was read since the last time."""
        read, self.read = self.read, 0
        return read


@pytest.fixture(params=list(_BODIES), ids=bytes.decode)
def encoding(request: pytest.FixtureRequest) -> bytes:
    """Return an encoding, each in turn."""
    encoding: bytes = request.param
    return encoding


def test_the_size_is_measured_once(encoding: bytes) -> None:
    """Finding out how long a body is reads it once, in small pieces; afterwards it is known."""
    meter = _Meter(_BODIES[encoding])
    body = DecodedBody(encoding, len(meter.octets))
    steps = list(body.measured(meter))
    assert len(steps) >= len(meter.octets) // PIECE
    assert body.size == steps[-1] == len(decode(encoding, meter.octets) or b"")
    assert meter.took() == len(meter.octets)
    assert list(body.measured(meter)) == []
    assert meter.took() == 0


def test_one_stretch_after_the_other(encoding: bytes) -> None:
    """A client that fetches a part in pieces of 16 KiB has it decoded about once altogether."""
    meter = _Meter(_BODIES[encoding])
    body = DecodedBody(encoding, len(meter.octets))
    whole = decode(encoding, meter.octets) or b""
    for start in range(0, len(whole), 16 * _KIB):
        assert b"".join(body.stretch(meter, start, start + 16 * _KIB)) == whole[start : start + 16 * _KIB]
    assert meter.took() <= len(meter.octets) * 3 // 2


def test_any_stretch_once_the_body_was_seen(encoding: bytes) -> None:
    """Wherever it is, a stretch of a body that was measured costs itself and a step of the index at most."""
    meter = _Meter(_BODIES[encoding])
    body = DecodedBody(encoding, len(meter.octets))
    list(body.measured(meter))
    whole = decode(encoding, meter.octets) or b""
    meter.took()
    for start in (len(whole) - 100, len(whole) // 2, 0, len(whole) // 3):
        assert b"".join(body.stretch(meter, start, start + 100)) == whole[start : start + 100]
        assert meter.took() <= STEP + 2 * PIECE


def test_a_stretch_that_nobody_led_up_to(encoding: bytes) -> None:
    """A stretch far inside is reached without giving out what is before it, with turns for others on the way."""
    octets = _BODIES[encoding] * 4
    meter = _Meter(octets)
    body = DecodedBody(encoding, len(octets))
    whole = decode(encoding, octets) or b""
    pieces = list(body.stretch(meter, len(whole) - 10, len(whole) + 10))
    assert b"".join(pieces) == whole[-10:]
    assert len(pieces) >= len(octets) // (64 * PIECE)
    assert meter.took() <= len(octets)


def test_the_index_is_bounded() -> None:
    """However long a body is, about a thousand places of it are remembered."""
    size = STEP * MOST_PLACES * 4
    body = DecodedBody(b"base64", size)
    for _ in body.measured(lambda start, end: b"QUJD" * ((end - start) // 4)):
        pass
    assert body.size == size // 4 * 3
    assert len(body._places) <= MOST_PLACES + 1  # noqa: SLF001 -- what it remembers is the claim


@given(
    st.sampled_from([b"base64", b"quoted-printable"]),
    st.lists(
        st.sampled_from(
            [b"QUJD", b"QQ==", b"A", b"=", b"=4", b"=41", b" ", b"\r\n", b"=\r\n", b"\n", b"=\r", b"x" * 700]
        )
    ).map(lambda pieces: b"".join(pieces) * 40),
    st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 9_000)), max_size=6),
)
@settings(deadline=None)  # some of these bodies are long
def test_stretches_of_malformed_bodies(encoding: bytes, octets: bytes, wanted: Sequence[tuple[int, int]]) -> None:
    """Whatever is wrong in a body, and in whatever order it is asked for, each stretch is that of the whole."""
    body = DecodedBody(encoding, len(octets))
    whole = decode(encoding, octets) or b""
    for start, size in wanted:
        got = b"".join(body.stretch(lambda low, high: octets[low:high], start, start + size))
        assert got == whole[start : start + size]
