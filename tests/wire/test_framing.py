"""Framing: tables of what is a unit, and that nothing depends on how the octets were split on their way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labserver.wire.framing import SHOWN, Framed, Framer, ImapFramer, LiteralRequest, Overflow, Unit

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 20


def line(content: bytes, end: bytes = b"\r\n") -> Framed:
    """Return the unit of a line."""
    return Framed(parts=(content,), raw=content + end)


def drain(framer: Framer, *chunks: bytes) -> list[Unit]:
    """Feed chunks and return all units; literals that are waited for are granted, the others refused."""
    units: list[Unit] = []
    for chunk in chunks:
        framer.feed(chunk)
        while (unit := framer.next()) is not None:
            if not isinstance(unit, LiteralRequest):
                units.append(unit)
            elif isinstance(framer, ImapFramer) and unit.unasked:
                framer.refuse()
            elif isinstance(framer, ImapFramer):
                units.append(unit)
                framer.grant()
    return units


def split(octets: bytes, cuts: list[int]) -> list[bytes]:
    """Cut octets at the given places, wherever those are."""
    places = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[start:end] for start, end in pairwise(places)]


def by_octet(octets: bytes) -> list[bytes]:
    """Cut between any two octets."""
    return [octets[at : at + 1] for at in range(len(octets))]


CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


# Lines


@pytest.mark.parametrize(
    ("octets", "units"),
    [
        (b"", []),
        (b"NOOP", []),
        (b"NOOP\r", []),
        (b"NOOP\r\n", [line(b"NOOP")]),
        (b"NOOP\n", [line(b"NOOP", b"\n")]),
        (b"\r\n\n", [line(b""), line(b"", b"\n")]),
        (b"a\rb\r\n", [line(b"a\rb")]),
        (b"a\r\r\n", [line(b"a\r")]),
        (b"a\0\xff\r\n", [line(b"a\0\xff")]),
        (b"A\r\nB\r\nC", [line(b"A"), line(b"B")]),
        (b"x" * 18 + b"\r\n", [line(b"x" * 18)]),
        (b"x" * 19 + b"\n", [line(b"x" * 19, b"\n")]),
        (b"x" * 19 + b"\r\nNOOP\r\n", [Overflow(parts=(b"x" * 19 + b"\r",), limit=LIMIT), line(b"NOOP")]),
        (b"x" * 20 + b"\nNOOP\r\n", [Overflow(parts=(b"x" * 20,), limit=LIMIT), line(b"NOOP")]),
        (b"x" * 999 + b"\r\nNOOP\r\n", [Overflow(parts=(b"x" * 20,), limit=LIMIT), line(b"NOOP")]),
        (b"x" * 999, []),
    ],
)
def test_lines(octets: bytes, units: list[Unit]) -> None:
    """A line ends at LF; the limit counts its end; a longer one is swallowed up to its end and reported once."""
    assert drain(Framer(line_limit=LIMIT), octets) == units


LINES = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b"x", b"x" * 17, b"x" * 18, b"x" * 19, b"x" * 20, b"x" * 50])
).map(b"".join)


@given(octets=LINES, cuts=CUTS)
@example(octets=b"x" * 20 + b"\n", cuts=[20])
@example(octets=b"x" * 19 + b"\r\n", cuts=[20])
def test_lines_however_they_are_split(octets: bytes, cuts: list[int]) -> None:
    """The same octets are the same units, in whatever pieces they come."""
    whole = drain(Framer(line_limit=LIMIT), octets)
    assert drain(Framer(line_limit=LIMIT), *split(octets, cuts)) == whole


def test_a_line_without_an_end_is_bounded() -> None:
    """Of a line that goes on and on no more is kept than the limit, and it takes no more than linear time."""
    framer = Framer(line_limit=LIMIT)
    for _ in range(1_000):
        assert drain(framer, b"x" * 1_000) == []
    assert len(framer.clear()) <= LIMIT


def test_clearing_returns_what_was_pipelined() -> None:
    """At the STARTTLS boundary everything unconsumed is handed out and nothing of it is framed later."""
    framer = Framer(line_limit=LIMIT)
    assert drain(framer, b"STARTTLS\r\n") == [line(b"STARTTLS")]
    framer.feed(b"MAIL FROM:<a@b>\r\nRC")
    assert framer.clear() == b"MAIL FROM:<a@b>\r\nRC"
    assert drain(framer, b"EHLO x\r\n") == [line(b"EHLO x")]


def test_clearing_in_the_middle_of_a_swallowed_line() -> None:
    """What follows the boundary is a new line, not the rest of a long one from before it."""
    framer = Framer(line_limit=LIMIT)
    assert drain(framer, b"x" * 99) == []
    framer.clear()
    assert drain(framer, b"NOOP\r\n") == [line(b"NOOP")]


# Mail data


def data(framer: Framer, limit: int, *chunks: bytes) -> list[Unit]:
    """Frame one mail data unit, then lines."""
    framer.expect_data(limit)
    return drain(framer, *chunks)


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n..\r\n.\r\n", b"..\r\n.\r\n"),
        (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
        (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n"),
        (b"a\nb\rc\r\n.\r\n", b"a\nb\rc\r\n"),
        (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
    ],
)
def test_data(octets: bytes, content: bytes) -> None:
    """Data ends at CRLF.CRLF, or with a lone dot at its start; a dot at a line's start is taken off."""
    framer = Framer(line_limit=LIMIT)
    stuffed = octets.removesuffix(b".\r\n")
    assert data(framer, 100, octets + b"QUIT\r\n") == [Framed(parts=(content,), raw=stuffed), line(b"QUIT")]


SMUGGLED = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n. \r\n",
    b"\r\n.\r\r\n",
    b"\r\n\r.\r\n",
    b"\r\n..\r\n",
]


@pytest.mark.parametrize("fake", SMUGGLED, ids=repr)
@pytest.mark.parametrize("cut", range(6))
def test_what_only_looks_like_an_end_is_none(fake: bytes, cut: int) -> None:
    """No variant of the end of data but CRLF.CRLF ends it: what follows is content, never a command."""
    smuggled = b"a" + fake + b"MAIL FROM:<evil@example>\r\n"
    chunks = (smuggled[: 1 + cut], smuggled[1 + cut :])
    framer = Framer(line_limit=LIMIT)
    assert data(framer, 100, *chunks) == []
    (unit,) = drain(framer, b".\r\n")
    assert isinstance(unit, Framed)
    assert unit.raw == smuggled


@pytest.mark.parametrize("fake", [b".\n", b".\r", b".\rx", b". \r\n", b"\n.\n", b"..\r\n"], ids=repr)
def test_nor_at_the_start(fake: bytes) -> None:
    """At the start of data only dot CRLF is an end."""
    framer = Framer(line_limit=LIMIT)
    assert data(framer, 100, fake + b"x\r\n") == []


DATA = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"x", b"x" * 9])).map(b"".join)


def stuffed(content: bytes) -> bytes:
    """Stuff dots as a client does (RFC 5321 4.5.2); the content ends with CRLF or is empty."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


@given(content=DATA, cuts=CUTS)
def test_unstuffing_undoes_stuffing(content: bytes, cuts: list[int]) -> None:
    """Whatever the content, what the client meant is what is framed."""
    content = content and content + b"\r\n"
    units = data(Framer(line_limit=LIMIT), len(content), *split(stuffed(content), cuts))
    assert [unit.parts for unit in units] == [(content,)]


@given(octets=DATA, limit=st.integers(0, 30), cuts=CUTS)
@example(octets=b"..\r\n.\r\n", limit=3, cuts=[5])
@example(octets=b"..\r\n" * 4 + b".\r\n", limit=12, cuts=[18])
@example(octets=b".\r\n", limit=0, cuts=[1, 2])
def test_data_however_it_is_split(octets: bytes, limit: int, cuts: list[int]) -> None:
    """The same data is the same unit, overflows included, in whatever pieces it comes."""
    whole = data(Framer(line_limit=LIMIT), limit, octets)
    assert data(Framer(line_limit=LIMIT), limit, *split(octets, cuts)) == whole


@pytest.mark.parametrize("pieces", ["whole", "octet by octet"])
@pytest.mark.parametrize("content", [b"x" * 10 + b"\r\n", b".\r\n" * 4, b"\r\n.x.\r\n.ab\r\n", b"." * 10 + b"\r\n"])
def test_the_limit_counts_what_is_kept(content: bytes, pieces: str) -> None:
    """Stuffing does not count: twelve octets fit a limit of twelve and exceed one of eleven."""
    wire = stuffed(content)
    chunks = [wire] if pieces == "whole" else by_octet(wire)
    assert [type(unit) for unit in data(Framer(line_limit=LIMIT), 12, *chunks)] == [Framed]
    assert [type(unit) for unit in data(Framer(line_limit=LIMIT), 11, *chunks)] == [Overflow]


def test_data_beyond_the_limit_is_swallowed() -> None:
    """The overflow is reported at the end of the data; memory stays bounded; the next command is framed."""
    framer = Framer(line_limit=LIMIT)
    assert data(framer, 100, *[b"x" * 1_000] * 100) == []
    assert drain(framer, b"\r\n.", b"\r\nQUIT\r\n") == [Overflow(parts=(b"",), limit=100, literal=True), line(b"QUIT")]
    assert data(framer, 100, *[b"x" * 1_000] * 100) == []
    assert len(framer.clear()) < 1_100


def test_large_data_in_small_pieces_is_linear() -> None:
    """20 MiB in segments of 1,400 octets: the end is looked for in what is new only."""
    content = (b"x" * 76 + b"\r\n") * (20 * (1 << 20) // 78)
    wire = stuffed(content)
    started = time.process_time()
    units = data(Framer(line_limit=LIMIT), 50 << 20, *(wire[at : at + 1_400] for at in range(0, len(wire), 1_400)))
    assert time.process_time() - started < 10
    assert [unit.parts for unit in units] == [(content,)]


# Chunks


@given(size=st.integers(0, 40), limit=st.integers(0, 40), octets=st.binary(max_size=60), cuts=CUTS)
def test_chunks(size: int, limit: int, octets: bytes, cuts: list[int]) -> None:
    """Exactly the announced octets are the chunk, whatever is in them; one beyond the limit is swallowed."""
    framer = Framer(line_limit=LIMIT)
    framer.expect_chunk(size, limit)
    units = drain(framer, *split(octets, cuts), *([b""] if not octets else []))
    if len(octets) < size:
        assert units == []
        return
    content = octets[:size]
    chunk = Framed(parts=(content,), raw=content)
    assert units[0] == (chunk if size <= limit else Overflow(parts=(b"",), limit=limit, literal=True))
    assert units[1:] == drain(Framer(line_limit=LIMIT), octets[size:])


# What goes to a sink


@dataclass
class Bin:
    """Keeps what it is given, in both forms, until it is told to drop it."""

    octets: bytes = b""
    sent: bytes = b""
    dropped: bool = False

    def write(self, octets: bytes, sent: bytes) -> None:
        """Keep the next octets."""
        assert not self.dropped
        self.octets += octets
        self.sent += sent

    def drop(self) -> None:
        """Forget them."""
        self.octets, self.sent, self.dropped = b"", b"", True


@given(octets=DATA, limit=st.integers(0, 30), cuts=CUTS)
@example(octets=b"..\r\n.\r\n", limit=3, cuts=[0, 1])
@example(octets=b"\r\n..\r\n.\r\n", limit=30, cuts=[2, 3, 4])
def test_data_in_a_sink(octets: bytes, limit: int, cuts: list[int]) -> None:
    """Piece by piece it is the same data, taken and as it was sent; little stays in the framer."""
    whole = data(Framer(line_limit=LIMIT), limit, octets)
    sink, framer = Bin(), Framer(line_limit=LIMIT, shown=5)
    framer.expect_data(limit, sink)
    units: list[Unit] = []
    for piece in split(octets, cuts):
        framer.feed(piece)
        while (unit := framer.next()) is not None:
            units.append(unit)
        assert units or framer.held <= 5 + len(b"\r\n.\r")
    assert len(units) == len(whole)
    if whole and isinstance(whole[0], Framed):
        (unit,) = units[:1]
        assert isinstance(unit, Framed)
        assert (sink.octets, sink.sent) == (whole[0].parts[0], whole[0].raw)
        assert (unit.parts, unit.raw, unit.size) == ((b"",), whole[0].raw[:5], len(whole[0].raw))
    elif whole:
        assert units[:1] == whole[:1]
        assert sink.dropped or not sink.octets


@given(size=st.integers(0, 40), limit=st.integers(0, 40), octets=st.binary(max_size=60), cuts=CUTS)
def test_a_chunk_in_a_sink(size: int, limit: int, octets: bytes, cuts: list[int]) -> None:
    """A chunk goes there as it comes; one beyond the limit is dropped at once."""
    sink, framer = Bin(), Framer(line_limit=1_000, shown=5)
    framer.expect_chunk(size, limit, sink)
    assert sink.dropped == (size > limit)
    units = drain(framer, *split(octets, cuts), b"")
    if size <= limit:
        assert sink.octets == sink.sent == octets[:size]
    assert bool(units) == (len(octets) >= size)
    if units and size <= limit:
        assert units[0] == Framed(parts=(b"",), raw=octets[:size][:5], elided=max(0, size - 5))


def test_leaving_in_the_middle_drops_it() -> None:
    """What is cleared away will never be complete; its beginning is returned like all that was not consumed."""
    sink, framer = Bin(), Framer(line_limit=LIMIT, shown=5)
    framer.expect_data(100, sink)
    assert drain(framer, b"one\r\ntwo\r\n") == []
    assert framer.clear() == b"one\r\n\r\n"
    assert sink.dropped
    assert drain(framer, b"NOOP\r\n") == [line(b"NOOP")]


def granted(framer: ImapFramer, *chunks: bytes) -> tuple[list[Unit], list[Bin]]:
    """Feed chunks and return all units but requests; every literal that is asked for gets a sink of its own."""
    units: list[Unit] = []
    sinks: list[Bin] = []
    for chunk in chunks:
        framer.feed(chunk)
        while (unit := framer.next()) is not None:
            if isinstance(unit, LiteralRequest):
                assert [sink for _, sink in unit.sinks] == sinks
                sinks.append(Bin())
                framer.grant(sinks[-1])
            else:
                units.append(unit)
    return units, sinks


@given(cuts=CUTS)
def test_literals_in_sinks(cuts: list[int]) -> None:
    """Small ones that come unasked are parts; others go to sinks, have their places, and their beginning is shown."""
    octets = (
        b"a APPEND {5+}\r\nINBOX () {3}\r\none (x) ~{20+}\r\n"
        + b"2" * 20
        + b" {30+}\r\n"
        + b"3" * 30
        + b"\r\nb NOOP\r\n"
    )
    framer = ImapFramer(line_limit=100, literal_limit=10, shown=8)
    (unit, other), sinks = granted(framer, *split(octets, cuts))
    assert isinstance(unit, Framed)
    assert unit.parts == (b"a APPEND {5+}", b"INBOX", b" () {3}", b"", b" (x) ~{20+}", b"", b" {30+}", b"", b"")
    assert unit.sinks == ((3, sinks[0]), (5, sinks[1]), (7, sinks[2]))
    assert [sink.octets for sink in sinks] == [b"one", b"2" * 20, b"3" * 30]
    assert unit.raw == b"a APPEND {5+}\r\nINBOX () {3}\r\none (x) ~{20+}\r\n22222 {30+}\r\n\r\n"
    assert unit.size == len(octets) - len(b"b NOOP\r\n")
    assert other == line(b"b NOOP")
    assert framer.held == 0


@pytest.mark.parametrize(
    "rest",
    [b" {99+}\r\n", b" {99}\r\n" + b"y" * 50, b"z" * 200, b" {2000000000+}\r\n"],
    ids=["a refused one", "a lost connection", "too much text", "a fatal one"],
)
def test_a_command_that_fails_drops_its_sinks(rest: bytes) -> None:
    """Whatever becomes of the command, what was in sinks is dropped when it will not be complete."""
    framer = ImapFramer(line_limit=100, literal_limit=10)
    framer.feed(b"a APPEND x {3}\r\n")
    assert isinstance(framer.next(), LiteralRequest)
    sink = Bin()
    framer.grant(sink)
    assert drain(framer, b"one") == []
    assert sink.octets == b"one"
    drain(framer, rest)
    framer.clear()
    assert sink.dropped


@pytest.mark.parametrize("begin", [b"", b"a APPEND x {20971520+}\r\n"], ids=["data", "a literal"])
def test_large_octets_are_never_whole(begin: bytes) -> None:
    """Of 20 MiB in segments no more stays in the framer than is shown, and what may still be an end."""
    sink = Bin()
    framer = Framer(line_limit=100) if not begin else ImapFramer(line_limit=100, literal_limit=10)
    if isinstance(framer, ImapFramer):
        framer.feed(begin)
        assert isinstance(framer.next(), LiteralRequest)
        framer.grant(sink)
    else:
        framer.expect_data(50 << 20, sink)
    segment = b"x" * 65_534 + b"\r\n"
    for _ in range(319):
        framer.feed(segment)
        assert framer.next() is None
        assert framer.held <= SHOWN + 4 + 2 * len(begin)
        sink.octets = sink.sent = b""


# IMAP commands


def imap(line_limit: int = 40, literal_limit: int = 10) -> ImapFramer:
    """Return a framer with small limits."""
    return ImapFramer(line_limit=line_limit, literal_limit=literal_limit)


def command(*parts: bytes, raw: bytes) -> Framed:
    """Return the unit of a command."""
    return Framed(parts=parts, raw=raw)


TOO_LARGE = Overflow(parts=(b"a LOGIN {11+}",), limit=10, literal=True)


@pytest.mark.parametrize(
    ("octets", "units"),
    [
        (b"a NOOP\r\n", [line(b"a NOOP")]),
        (b"a NOOP\n", [line(b"a NOOP", b"\n")]),
        (b"a LOGIN {3}\r\n", [LiteralRequest(parts=(b"a LOGIN {3}",), size=3)]),
        (
            b"a LOGIN {3}\r\nabc {2}\r\nde\r\nb NOOP\r\n",
            [
                LiteralRequest(parts=(b"a LOGIN {3}",), size=3),
                LiteralRequest(parts=(b"a LOGIN {3}", b"abc", b" {2}"), size=2),
                command(b"a LOGIN {3}", b"abc", b" {2}", b"de", b"", raw=b"a LOGIN {3}\r\nabc {2}\r\nde\r\n"),
                line(b"b NOOP"),
            ],
        ),
        (
            b"a LOGIN {3+}\r\nabc {0+}\r\n\r\n",
            [command(b"a LOGIN {3+}", b"abc", b" {0+}", b"", b"", raw=b"a LOGIN {3+}\r\nabc {0+}\r\n\r\n")],
        ),
        (
            b"a APPEND x ~{4+}\r\n\0\r\n{ UTF8\r\n",
            [command(b"a APPEND x ~{4+}", b"\0\r\n{", b" UTF8", raw=b"a APPEND x ~{4+}\r\n\0\r\n{ UTF8\r\n")],
        ),
        (b"a {3} b\r\n", [line(b"a {3} b")]),
        (b'a "{3}"\r\n', [line(b'a "{3}"')]),
        (b"a {-1}\r\n", [line(b"a {-1}")]),
        (b"a {3++}\r\n", [line(b"a {3++}")]),
        (b"a {12345678901234567890}\r\n", [line(b"a {12345678901234567890}")]),
        (b"a LOGIN {11}\r\n", [LiteralRequest(parts=(b"a LOGIN {11}",), size=11)]),
        (b"a LOGIN {11+}\r\n12345678901 x\r\nb NOOP\r\n", [TOO_LARGE, line(b"b NOOP")]),
        (b"a LOGIN {11+}\r\nb NOOP\r\n\r\n\r\n\r\nc NOOP\r\n", [TOO_LARGE, line(b""), line(b"c NOOP")]),
        (b"a LOGIN {11+}\r\n12345678901 {3+}\r\n123\r\nb NOOP\r\n", [TOO_LARGE, line(b"b NOOP")]),
        (b"a LOGIN {11+}\r\n12345678901 {3}\r\nb NOOP\r\n", [TOO_LARGE, line(b"b NOOP")]),
        (
            b"a LOGIN {6+}\r\n123456 {6+}\r\n123456\r\nb NOOP\r\n",
            [Overflow(parts=(b"a LOGIN {6+}",), limit=10, literal=True), line(b"b NOOP")],
        ),
        (b"a" * 40 + b"\r\n", [line(b"a" * 40)]),
        (b"a" * 41 + b"\r\nb NOOP\r\n", [Overflow(parts=(b"a" * 40,), limit=40), line(b"b NOOP")]),
        (b"a" * 99 + b" {3+}\r\n123\r\nb NOOP\r\n", [Overflow(parts=(b"a" * 40,), limit=40), line(b"b NOOP")]),
        (b"a" * 99 + b" {3}\r\nb NOOP\r\n", [Overflow(parts=(b"a" * 40,), limit=40), line(b"b NOOP")]),
        (
            b"a {1+}\r\n1" + b"b" * 35 + b"\r\nb NOOP\r\n",
            [Overflow(parts=(b"a {1+}",), limit=40), line(b"b NOOP")],
        ),
        (b"a" * 640 + b"\r\nb NOOP\r\n", [Overflow(parts=(b"a" * 40,), limit=40), line(b"b NOOP")]),
        (b"a" * 641 + b"\r\nb NOOP\r\n", [Overflow(parts=(b"a" * 40,), limit=40, fatal=True)]),
        (
            b"a {2000000000+}\r\nb NOOP\r\n",
            [Overflow(parts=(b"a {2000000000+}",), limit=10, fatal=True, literal=True)],
        ),
    ],
)
def test_imap_commands(octets: bytes, units: list[Unit]) -> None:
    """Text, literal, text; what exceeds a limit is swallowed with all its unasked literals and reported once."""
    assert drain(imap(), octets) == units


IMAP = st.lists(
    st.sampled_from(
        [
            *(
                b"a NOOP",
                b"\r\n",
                b"\n",
                b"\r",
                b" ",
                b"x" * 30,
                b"x" * 50,
                b"x" * 700,
                b"{3}\r\n",
                b"{3+}\r\n",
                b"{0+}\n",
            ),
            *(b"~{9+}\r\n", b"{11+}\r\n", b"{11}\r\n", b"{99+}\r\n", b"{9999999999+}\r\n", b"{3", b"+}", b"abc", b"\0"),
        ]
    ),
    max_size=20,
).map(b"".join)


@given(octets=IMAP, cuts=CUTS)
@example(octets=b"a" * 40 + b"\r\n", cuts=[41])
@example(octets=b"a" * 640 + b"\r\n", cuts=[641])
@example(octets=b"a" * 80 + b"{99+}\r\n" + b"b" * 99 + b"\r\n", cuts=[85, 100])
def test_imap_however_it_is_split(octets: bytes, cuts: list[int]) -> None:
    """The same octets are the same commands, literal requests and overflows, in whatever pieces they come."""
    whole = drain(imap(), octets)
    assert drain(imap(), *split(octets, cuts)) == whole
    assert drain(imap(), *by_octet(octets)) == whole


@given(octets=IMAP)
def test_a_command_is_all_its_octets(octets: bytes) -> None:
    """What is framed without any overflow is the input's beginning, octet for octet."""
    units = drain(imap(10_000, 10_000), octets)
    if not any(isinstance(unit, Overflow) for unit in units):
        assert octets.startswith(b"".join(unit.raw for unit in units if isinstance(unit, Framed)))


def test_a_refused_literal_ends_its_command() -> None:
    """After a refusal the client starts a new command (RFC 9051 4.3)."""
    framer = imap()
    framer.feed(b"a APPEND INBOX {99}\r\n")
    assert framer.next() == LiteralRequest(parts=(b"a APPEND INBOX {99}",), size=99)
    framer.refuse()
    assert drain(framer, b"b NOOP\r\n") == [line(b"b NOOP")]


def test_the_literal_limit_may_grow() -> None:
    """After authentication larger literals fit."""
    framer = imap()
    assert drain(framer, b"a LOGIN {11+}\r\n12345678901\r\n") == [TOO_LARGE]
    framer.literal_limit = 11
    assert [type(unit) for unit in drain(framer, b"a LOGIN {11+}\r\n12345678901\r\n")] == [Framed]


def test_plain_lines_have_no_literals() -> None:
    """A SASL response or DONE is a line, whatever it looks like; then commands again."""
    framer = imap()
    framer.expect_line()
    assert drain(framer, b"{3+}\r\n") == [line(b"{3+}")]
    framer.expect_command()
    assert drain(framer, b"a {3+}\r\nabc\r\n") == [command(b"a {3+}", b"abc", b"", raw=b"a {3+}\r\nabc\r\n")]


@pytest.mark.parametrize(
    "start", [b"", b"a {99+}\r\n", b"a {1+}\r\n1"], ids=["a line", "an unasked literal", "a line after a literal"]
)
def test_what_does_not_end_is_bounded(start: bytes) -> None:
    """A command that goes on and on keeps no more than a little, and in the end it is fatal, once."""
    framer = imap()
    units = drain(framer, start, *[b"x" * 100] * 1_000)
    assert [isinstance(unit, Overflow) and unit.fatal for unit in units] == [True]
    assert drain(framer, b"\r\nb NOOP\r\n") == []
    assert framer.clear() == b""


@pytest.mark.parametrize(
    "make", [lambda: Framer(line_limit=1 << 16), lambda: imap(1 << 16, 1 << 26)], ids=["lines", "IMAP"]
)
def test_many_pipelined_commands_are_linear(make: Callable[[], Framer]) -> None:
    """200,000 commands in one segment take seconds at most."""
    started = time.process_time()
    assert len(drain(make(), b"a NOOP\r\n" * 200_000)) == 200_000
    assert time.process_time() - started < 10


@pytest.mark.parametrize("limit", [1 << 16, 100], ids=["taken", "too much"])
def test_thousands_of_literals_are_framed_in_turns(limit: int) -> None:
    """A segment may hold thousands of literals: some are framed at a time, and nothing is lost by that."""
    framer = imap(1 << 20, limit)
    framer.feed(b"a SEARCH" + b" {1+}\r\nx" * 5_000 + b"\r\nb NOOP\r\n")
    turns, unit = 0, framer.next()
    while unit is None or isinstance(unit, LiteralRequest):
        if unit is not None:
            framer.refuse()
        else:
            assert framer.busy
            turns += 1
        unit = framer.next()
    assert turns >= 9
    assert unit.parts[0] == b"a SEARCH {1+}"
    assert isinstance(unit, Framed) is (limit > 5_000)
    assert len(unit.parts) == (10_001 if limit > 5_000 else 1)
    assert framer.next() == Framed(parts=(b"b NOOP",), raw=b"b NOOP\r\n")
    assert framer.next() is None
    assert not framer.busy


def test_a_large_literal_in_small_pieces_is_linear() -> None:
    """20 MiB of literal in segments of 1,400 octets."""
    literal = b"x" * (20 << 20)
    wire = b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(literal), literal)
    started = time.process_time()
    (unit,) = drain(imap(100, 50 << 20), *(wire[at : at + 1_400] for at in range(0, len(wire), 1_400)))
    assert time.process_time() - started < 10
    assert isinstance(unit, Framed)
    assert unit.parts[1] == literal
