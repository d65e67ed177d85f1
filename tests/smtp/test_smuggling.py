"""Which mail data could pass for two messages."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from labserver.budget import Charge
from labserver.holding import Intake, LineFeeds
from labserver.smtp.grammar import MAIL, Addressed, parse
from labserver.smtp.smuggling import LookalikeSearch
from labserver.smtp.transaction import MailData, Transaction
from labserver.wire.framing import Framed, Framer


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


@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"\0", b"a", b"\r\n."]), max_size=30).map(b"".join),
    st.lists(st.integers(min_value=0, max_value=60), max_size=4),
)
@example(b"a\r\n\0.\r\nb", [4])
@example(b"a\r\n\0\r\n.b\r", [5])
@example(b"\r.", [2])
@example(b"a\n.", [2])
def test_pieces_of_data_are_looked_through_as_the_whole(sent: bytes, cuts: list[int]) -> None:
    """However the network cuts mail data: lookalikes are found, bare line feeds are mended, dots are taken off."""
    sent = sent.partition(b"\r\n.\r\n")[0].removesuffix(b"\r\n.") + b"\r\n.\r\n"
    assume(not sent.startswith(b".\r\n"))  # that is the end already
    sender = parse(MAIL, "FROM:<>")
    assert isinstance(sender, Addressed)
    intake = Intake()
    transaction = Transaction(
        sender=sender, held=intake.hold(), charge=Charge(intake.budget), feeds=LineFeeds(mends=True)
    )
    framer, data = Framer(line_limit=100), MailData(transaction)
    framer.expect_data(1000, data)
    units = []
    for start, end in itertools.pairwise(sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})):
        framer.feed(sent[start:end])
        units.append(framer.next())
    stuffed = sent.removesuffix(b".\r\n")
    assert isinstance(units[-1], Framed)
    assert units[-1].raw == stuffed
    content = stuffed.removeprefix(b".").replace(b"\r\n.", b"\r\n")
    assert transaction.content.read() == re.sub(rb"(?<!\r)\n", b"\r\n", content)
    assert transaction.feeds.bare == len(re.findall(rb"(?<!\r)\n", content))
    assert data.smuggles is bool(re.search(rb"[\r\n]\.[\r\n]", b"\n" + stuffed.replace(b"\0", b"")))
