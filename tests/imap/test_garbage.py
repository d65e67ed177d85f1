"""What commands leave with messages is nothing for the garbage collector, which visits it while everybody waits."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tests.imap.driver import Lab

if TYPE_CHECKING:
    from collections.abc import Callable

_MESSAGES = 200


def _message(number: int) -> bytes:
    return (
        b"Date: Tue, %02d Nov 2023 10:00:00 +0100\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j%d@example.org>\r\n"
        b"To: Ada <ada@example.org>, bob@example.org\r\nSubject: Re: topic %d\r\nMessage-ID: <%d@x>\r\n"
        b"References: <%d@x> <%d@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello %d\r\n--b\r\n"
        b"Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n"
    ) % (number % 28 + 1, number % 9, number % 7, number, max(0, number - 1), max(0, number - 2), number)


@pytest.fixture
def filled() -> Lab:
    """Return a lab with a few hundred messages of three parts."""
    lab = Lab()
    lab.deliver(*(_message(number) for number in range(_MESSAGES)))
    return lab


def _visited(do: Callable[[], object]) -> float:
    """Return how many objects more there are for each message when something was done."""
    for _ in range(2):  # a tuple of plain values is visited once, and its container's container twice
        gc.collect()
    before = len(gc.get_objects())
    do()
    for _ in range(2):
        gc.collect()
    return (len(gc.get_objects()) - before) / _MESSAGES


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 101:* (ENVELOPE BODYSTRUCTURE BODY INTERNALDATE FLAGS)",
        "FETCH 101:* (BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
        "FETCH 101:* (BINARY.PEEK[2] BINARY.SIZE[2])",
        "SEARCH TEXT hello SUBJECT topic SENTSINCE 1-Jan-2000",
        "SORT (SUBJECT FROM TO CC DATE ARRIVAL SIZE DISPLAYFROM DISPLAYTO) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "THREAD ORDEREDSUBJECT UTF-8 ALL",
    ],
)
def test_what_is_left_with_messages(filled: Lab, command: str) -> None:
    """Nothing for each of them, whoever asks and however often; the trees of sixty-four stay for a while."""
    client = filled.selected()
    client.ok("FETCH 1:100 (BODYSTRUCTURE BODY.PEEK[1] BINARY.SIZE[2])")

    def ask() -> None:
        client.ok(command)
        client.replies.clear()

    assert _visited(ask) <= 0.2
    assert _visited(ask) <= 0.2


def test_trees_are_few(filled: Lab) -> None:
    """What is left with the messages read last does not grow with the mailbox."""
    client = filled.selected()

    def ask() -> None:
        client.ok("FETCH 1:* (BODYSTRUCTURE)")
        client.replies.clear()

    assert _visited(ask) * _MESSAGES <= 64 * 30
