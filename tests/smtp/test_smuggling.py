"""Which mail data could pass for two messages."""

from __future__ import annotations

import itertools

import pytest

from labserver.smtp.smuggling import LookalikeSearch


def has_lookalike(*pieces: bytes) -> bool:
    """Look through data that comes in pieces."""
    search = LookalikeSearch()
    for piece in pieces:
        search.look(piece)
    return search.found


LINE_ENDS = [b"\r\n", b"\n", b"\r"]
VARIANTS = [
    before + dot + after
    for dot in (b".", b"\0.", b".\0")
    for before, after in itertools.product(LINE_ENDS, repeat=2)
    if (before, dot, after) != (b"\r\n", b".", b"\r\n")
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_lookalike_is_found_wherever_it_stands(variant: bytes) -> None:
    """A lone dot with another line end than CRLF on either side is found in the middle and at both ends."""
    assert has_lookalike(b"a" + variant + b"MAIL FROM:<x@y>\r\n")
    assert has_lookalike(variant + b"b\r\n")
    assert has_lookalike(b"a" + variant + b"\r\n")


@pytest.mark.parametrize("variant", VARIANTS)
def test_lookalike_is_found_between_pieces(variant: bytes) -> None:
    """Wherever the network cuts the data, in two or octet by octet."""
    stuffed = b"a" + variant + b"b\r\n"
    for cut in range(len(stuffed) + 1):
        assert has_lookalike(stuffed[:cut], stuffed[cut:])
    assert has_lookalike(*(bytes([octet]) for octet in stuffed))


@pytest.mark.parametrize("start", [b".\n", b".\r", b".\r\r\n", b"\0.\r\n", b".\0\n"])
def test_lookalike_at_the_very_start_is_found(start: bytes) -> None:
    """The line end before the first octet is the CRLF of DATA."""
    assert has_lookalike(start + b"b\r\n")


@pytest.mark.parametrize(
    "innocent",
    [
        b"",
        b"\r\n",
        b"..\r\n",
        b"a\r\n..\r\nb\r\n",
        b"...\r\n",
        b".a\r\n",
        b"a.\r\n",
        b"a\nb\rc\r\n",
        b"\n..\n\r\n",
        b"\0\r\n",
    ],
)
def test_innocent_data_passes(innocent: bytes) -> None:
    """Stuffed dots, bare line ends elsewhere and NUL are not the end's lookalikes."""
    assert not has_lookalike(innocent)
