"""BDAT and BINARYMIME (RFC 3030): every chunk is taken off the line, whatever the answer to it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.budget import Budget
from labserver.dialogues.exchange import Await, Command
from labserver.holding import Intake
from labserver.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.smtp.conftest import Client, Connect, Mailroom

READY = ["EHLO client.test", "MAIL FROM:<a@b>", "RCPT TO:<c@d>"]


def chunk(octets: bytes, *, last: bool = False) -> bytes:
    """Return BDAT and its octets."""
    return f"BDAT {len(octets)}{' LAST' if last else ''}\r\n".encode() + octets


@pytest.mark.parametrize(
    "chunks",
    [
        [b"hi\r\n"],
        [b"", b""],
        [b"no line end"],
        [b"a", b"b", b"", b"c"],
        [b".\r\n", b"\r\n.\r\n", b"\n.\n"],
        [b"QUIT\r\n", b"RSET\r\nBDAT 5 LAST\r\n"],
        [bytes(range(256)) * 40] * 3,
    ],
)
@pytest.mark.parametrize("by_octet", [False, True])
def test_chunks_make_one_message(client: Client, mailroom: Mailroom, chunks: list[bytes], *, by_octet: bool) -> None:
    """The octets of all chunks are the message, dots and bare line ends included; each chunk has its reply."""
    client.ask("MAIL FROM:<a@b> BODY=BINARYMIME", "RCPT TO:<c@d>")
    wire = b"".join(chunk(octets, last=number == len(chunks)) for number, octets in enumerate(chunks, 1))
    pieces = [bytes([octet]) for octet in wire] if by_octet else [wire]
    replies = [reply.raw.decode() for piece in pieces for reply in client.say(piece)]
    assert replies == [f"250 2.0.0 {len(octets)} octets taken\r\n" for octets in chunks[:-1]] + [
        "250 2.0.0 Delivered\r\n"
    ]
    ((envelope, content),) = mailroom.delivered
    assert content == b"".join(chunks)
    assert envelope.parameters == {"BODY": "BINARYMIME"}
    assert client.codes("MAIL FROM:<a@b>") == ["250 2.1.0"]


@pytest.mark.parametrize("setup", [[], ["EHLO x"], ["EHLO x", "MAIL FROM:<a@b>"], [*READY, "RSET"]])
@pytest.mark.parametrize("last", [False, True])
def test_chunk_out_of_order_is_swallowed(connect: Connect, setup: list[str], *, last: bool) -> None:
    """A chunk nobody asked for is refused after it has come, and is not taken for commands (RFC 3030 2)."""
    client = connect()
    client.ask(*setup)
    replies = client.say(chunk(b"QUIT\r\n" * 1_000, last=last) + b"NOOP\r\n")
    assert [reply.code for reply in replies] == ["503", "250"]


def test_reset_between_chunks_forgets_them(client: Client, mailroom: Mailroom) -> None:
    """RSET in the middle ends the message; a late chunk of it is swallowed, and the next message has none of it."""
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    replies = client.say(chunk(b"old") + b"RSET\r\n" + chunk(b"late", last=True) + b"NOOP\r\n")
    assert [reply.code for reply in replies] == ["250", "250", "503", "250"]
    assert mailroom.delivered == []
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    client.say(chunk(b"new", last=True))
    assert [content for _, content in mailroom.delivered] == [b"new"]


@pytest.mark.parametrize(
    ("sizes", "codes"),
    [
        ([100], ["250"]),
        ([60, 40], ["250", "250"]),
        ([101], ["552"]),
        ([60, 41], ["250", "552"]),
        ([60, 41, 10], ["250", "552", "503"]),
        ([101, 5, 5], ["552", "503", "503"]),
        ([5_000_000], ["552"]),
    ],
)
def test_size_limit_holds_for_the_chunks_together(
    connect: Connect, mailroom: Mailroom, sizes: list[int], codes: list[str]
) -> None:
    """The chunk that goes beyond the limit is refused; those already under way are swallowed with 503."""
    client = connect(limits=Limits(message_size=100))
    client.ask(*READY)
    wire = b"".join(chunk(b"x" * size, last=number == len(sizes)) for number, size in enumerate(sizes, 1))
    replies = client.say(wire + b"NOOP\r\n")
    assert [reply.code for reply in replies] == [*codes, "250"]
    assert len(mailroom.delivered) == (codes[-1] == "250")


def test_oversized_chunk_is_not_kept_in_memory(connect: Connect) -> None:
    """What is only swallowed is announced to the framer as beyond the limit."""
    client = connect(limits=Limits(message_size=100))
    client.ask(*READY)
    exchange = client.session.handle(Command(verb="BDAT", argument=b"1000000000000"))
    assert next(exchange) == Await.chunk(1_000_000_000_000, 100)
    client = connect()
    exchange = client.session.handle(Command(verb="BDAT", argument=b"7"))
    assert next(exchange) == Await.chunk(7, 0)


@pytest.mark.parametrize("argument", ["", "x", "-1", "1.5", "0x10", "1 FIRST", "LAST", "LAST 1", "\u0661", "1" * 20])
def test_unreadable_size_ends_the_transaction(client: Client, argument: str) -> None:
    """A chunk of unknown size would leave a hole in the message, so there is no message any more."""
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    assert client.codes(f"BDAT {argument}", "BDAT 0 LAST") == ["501 5.5.4", "503 5.5.1"]


@pytest.mark.parametrize("octets", [b"", b"x"])
def test_many_chunks_leave_nothing_of_themselves(
    connect: Connect, mailroom: Mailroom, octets: bytes, traced: Callable[[], int]
) -> None:
    """What a session holds grows with the octets of its chunks, not with their number."""
    budget = Budget()
    client = connect(intake=Intake(budget=budget))
    client.ask(*READY)
    recipient = budget.held
    client.say(chunk(octets) * 1_000)
    before = traced()
    for _ in range(20):
        assert len(client.say(chunk(octets) * 1_000)) == 1_000
    assert traced() - before < 16_384 + 2 * 20_000 * len(octets)
    assert budget.held - recipient == 21_000 * len(octets)
    client.say(chunk(b"", last=True))
    assert [content for _, content in mailroom.delivered] == [octets * 21_000]
    assert budget.held == 0
