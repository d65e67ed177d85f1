"""Octets on the wire: what a conforming client gets, what poplib makes of it, and in which pieces."""

from __future__ import annotations

import io
import poplib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from labserver.dialogues.exchange import ReplyKind
from labserver.mailstore.message import Body
from labserver.pop3.replies import PIECE, Text, listing, message, ok, refused

if TYPE_CHECKING:
    from tests.pop3.conftest import Post


def sent(content: bytes) -> bytes:
    """Return the octets of a RETR's answer, the status line checked and taken off."""
    reply = message("here", Text(Body(data=content), len(content)))
    assert reply.kind is ReplyKind.COMPLETION
    pieces = [reply.raw, *reply.rest]
    assert all(len(piece) <= PIECE for piece in pieces)
    wire = b"".join(pieces)
    assert wire == b"".join((reply.raw, *reply.rest)), "a reply can be sent again"
    assert wire.startswith(b"+OK here\r\n")
    return wire.removeprefix(b"+OK here\r\n")


def received(wire: bytes) -> bytes:
    """Be a client: lines end at LF, the first lone dot ends all, a first dot is taken off (RFC 1939 3)."""
    lines = []
    while not wire.startswith((b".\r\n", b".\n")):
        line, end, wire = wire.partition(b"\n")
        assert end, "the answer does not end"
        lines.append(line.removeprefix(b".") + end)
    assert wire == b".\r\n", "the answer goes on after its end"
    return b"".join(lines)


def closed(content: bytes) -> bytes:
    """Return what a client can get of ``content``: it ends with CRLF or is empty."""
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


CASES = [
    (b"", b".\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b"a\n", b"a\n\r\n.\r\n"),
    (b"a\r", b"a\r\r\n.\r\n"),
    (b".", b"..\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b"..\r\n.\r\n", b"...\r\n..\r\n.\r\n"),
    (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
    (b"a\n.b\r\n", b"a\n..b\r\n.\r\n"),
    (b"a\n.\r\n+OK forged\r\n", b"a\n..\r\n+OK forged\r\n.\r\n"),
    (b"a\n.\nb\r\n", b"a\n..\nb\r\n.\r\n"),
    (b"a\r.b\r\n", b"a\r.b\r\n.\r\n"),
    (b"a\r\r\n.b\r\n", b"a\r\r\n..b\r\n.\r\n"),
    (b"a\n\r.b\r\n", b"a\n\r.b\r\n.\r\n"),
    (b"\0\xff\r\n", b"\0\xff\r\n.\r\n"),
]


@pytest.mark.parametrize(("content", "wire"), CASES)
def test_every_octet(content: bytes, wire: bytes) -> None:
    """Dots are doubled at the start and after LF only; the one addition is CRLF before the final dot."""
    assert sent(content) == wire
    assert received(wire) == closed(content)


PIECES = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"x", b"\0"]), max_size=40).map(b"".join)


@given(PIECES | st.binary())
@example(b"\r\n.\r\n.")
def test_a_conforming_client_gets_the_octets(content: bytes) -> None:
    """Whatever the message, undoing the stuffing gives it back; but for a line that only poplib takes for the end."""
    assume(b"\n\r.\n" not in b"\n" + content)
    assert received(sent(content)) == closed(content)


@given(content=PIECES, before=st.integers(-3, 3))
def test_at_the_border_of_two_pieces(content: bytes, before: int) -> None:
    """A dot, CR or LF on either side of a piece's border is nothing special."""
    assume(b"\n\r.\n" not in content)
    whole = b"y" * (PIECE * 2 // 3 - len(content) // 2 + before) + content + b"z" * 10
    assert received(sent(whole)) == closed(whole)


@pytest.mark.parametrize(
    ("count", "size"), [(0, 9), (1, 9), (2_000, 9), (2_001, 9), (100_000, 9), (643, 100), (642, 100), (2_000, 100)]
)
def test_many_lines(count: int, size: int) -> None:
    """Many lines are one reply, too, in pieces; where they are few and short it is made as a whole."""
    lines = [b"%0*d" % (size, number) for number in range(count)]
    reply = listing("here", lines)
    pieces = [reply.raw, *reply.rest]
    assert b"".join(pieces) == b"+OK here\r\n" + b"".join(line + b"\r\n" for line in lines) + b".\r\n"
    assert all(len(piece) <= PIECE for piece in pieces)
    assert (len(pieces) == 1) is (count <= 2_000 and sum(map(len, pieces)) <= PIECE)


@pytest.mark.parametrize("before", [0, 70_000])
@pytest.mark.parametrize(
    ("body", "lines", "kept"),
    [(b"1\r\n2\r\n3\r\n", 2, b"1\r\n2\r\n"), (b"1\n2\n", 9, b"1\n2\n"), (b"1\r\n2", 0, b""), (b"1\r\n2", 2, b"1\r\n2")],
)
def test_the_beginning_of_a_body(before: int, body: bytes, lines: int, kept: bytes) -> None:
    """As many lines as are wanted are sent, wherever they are."""
    padding = b"x\r\n" * (before // 3)
    content = b"a: b\r\n\r\n" + padding + body
    text = Text(Body(data=content), len(content), 8, lines + before // 3)
    reply = message("here", text)
    wire = b"".join((reply.raw, *reply.rest)).removeprefix(b"+OK here\r\n")
    assert received(wire) == closed(b"a: b\r\n\r\n" + padding + kept)


class Canned(poplib.POP3):
    """poplib's client on canned octets."""

    def __init__(self, wire: bytes) -> None:
        self.file = io.BytesIO(wire)
        self._debugging = 0

    def long_response(self) -> tuple[bytes, list[bytes], int]:
        """Read what RETR and TOP read."""
        response: tuple[bytes, list[bytes], int] = self._getlongresp()  # type: ignore[attr-defined]  # not in typeshed
        return response


def poplib_lines(content: bytes) -> list[bytes]:
    """Return the lines that poplib reads; the answer has to be read to its very end."""
    client = Canned(b"+OK\r\n" + sent(content))
    lines = client.long_response()[1]
    assert client.file.read() == b""
    return lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b".\r\n..\r\nx\r\n", [b".", b"..", b"x"]),
        (b"a\nb\r\n", [b"a", b"b"]),
        (b"a\n.b\r\n", [b"a", b".b"]),
        (b"a\rb\r\n", [b"a\rb"]),
        (b"", []),
        (b"\r\n", [b""]),
    ],
)
def test_poplib_reads_the_same(content: bytes, lines: list[bytes]) -> None:
    """Python's client, for which LF ends a line, gets these messages whole."""
    assert poplib_lines(content) == lines


@given(PIECES)
@example(b"\r.\n")
def test_poplib_stays_in_step(content: bytes) -> None:
    """Whatever the message, poplib finds the end where it is."""
    poplib_lines(content)


@given(content=PIECES, before=st.integers(-3, 3))
def test_poplib_stays_in_step_at_the_border_of_two_pieces(content: bytes, before: int) -> None:
    """Where one piece ends and another begins makes no difference to that."""
    lines = (b"y" * 62 + b"\r\n") * (PIECE // 64)
    poplib_lines(lines[-(PIECE * 2 // 3 - len(content) // 2 + before) :] + content + b"z" * 10)


def test_no_mail_can_forge_a_reply() -> None:
    """A dot between bare LF and a line's end is a line like any other to a client that takes LF for an end."""
    assert poplib_lines(b"a\n.\r\n+OK forged\r\n") == [b"a", b".", b"+OK forged"]


@pytest.mark.parametrize("line", [b"x" * 76 + b"\r\n", b".\r\n", b"\r", b"\n", b"x"], ids=repr)
def test_twenty_mebibytes(post: Post, line: bytes) -> None:
    """A message of 20 MiB arrives whole, in pieces, in time that grows with its size only."""
    content = line * ((20 << 20) // len(line))
    post.deliver(content)
    driver = post.login()
    started = time.process_time()
    answer = driver.say(b"RETR 1\r\n")
    assert time.process_time() - started < 10
    assert driver.pieces >= len(content) // PIECE
    stuffed = content.replace(b"\r\n.", b"\r\n..") + (b"" if content.endswith(b"\r\n") else b"\r\n")
    body = b"." + stuffed if content.startswith(b".") else stuffed
    announced = len(content) + (0 if content.endswith(b"\r\n") else 2)
    assert answer == b"+OK %d octets\r\n%b.\r\n" % (announced, body)


def test_top_of_many_lines(post: Post) -> None:
    """TOP counts lines that end in LF, with or without CR, and finds the header's end likewise."""
    post.deliver(b"A: 1\n\nb1\nb2\nb3\n", b"\r\nno header\r\nx\r\n", b"only: header\r\n", b"A: 1\r\n\r\n.dot\r\nlast")
    driver = post.login()
    status = b"+OK Top of the message follows\r\n"
    assert driver.say(b"TOP 1 2\r\n") == status + b"A: 1\n\nb1\nb2\n\r\n.\r\n"
    assert driver.say(b"TOP 2 1\r\n") == status + b"\r\nno header\r\n.\r\n"
    assert driver.say(b"TOP 3 5\r\n") == status + b"only: header\r\n.\r\n"
    assert driver.say(b"TOP 4 1\r\n") == status + b"A: 1\r\n\r\n..dot\r\n.\r\n"
    assert driver.say(b"TOP 4 2\r\n") == status + b"A: 1\r\n\r\n..dot\r\nlast\r\n.\r\n"


def test_status_lines_are_ascii() -> None:
    """Whatever a text has in it, a status line is one line of ASCII."""
    assert ok("Grüße").raw == b"+OK Gr\\xfc\\xdfe\r\n"
    assert refused("für", code="SYS/TEMP").raw == b"-ERR [SYS/TEMP] f\\xfcr\r\n"
