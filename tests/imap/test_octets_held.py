"""Octets are in memory for mailboxes and for whoever is being sent them, and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import pytest

from labserver.dialogues.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.dialogues.exchange import Exchange
    from tests.imap.driver import Client, Lab

_SIZE = 100_000


class _Counted(bytes):
    """Octets that are counted for as long as they live."""

    alive: ClassVar[int] = 0

    def __new__(cls) -> Self:
        """Count."""
        cls.alive += _SIZE
        return super().__new__(cls, b"Subject: x\r\n\r\n".ljust(_SIZE, b"x"))

    def __del__(self) -> None:
        """Count no more."""
        type(self).alive -= _SIZE


@pytest.fixture
def held(lab: Lab) -> Callable[[], int]:
    """Put three messages into a mailbox; return what tells how many octets of them are in memory."""
    lab.deliver(_Counted(), _Counted(), _Counted())
    return lambda: _Counted.alive


def _delete_all(client: Client) -> None:
    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")


def test_silent_sessions(lab: Lab, held: Callable[[], int]) -> None:
    """Sessions that say nothing, and were not told, keep no octets of what another expunged."""
    silent, idle, other = lab.selected(), lab.selected(), lab.selected()
    silent.ok("FETCH 1:* (BODY.PEEK[] ENVELOPE BODYSTRUCTURE)")
    idle.feed(b"a IDLE\r\n")
    silent.replies.clear()
    assert held() == 3 * _SIZE
    _delete_all(other)
    assert held() == 0
    assert silent.do("FETCH 1:* BODY.PEEK[]") == [b"OK [EXPUNGEISSUED] FETCH completed"]
    assert silent.do('SEARCH BODY "x"') == [b"* SEARCH", b"OK SEARCH completed"]
    *told, verdict = silent.do("COPY 1 INBOX")
    assert verdict.startswith(b"NO [EXPUNGEISSUED]")
    assert told[:2] == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]


def test_a_deleted_mailbox(lab: Lab) -> None:
    """A session keeps no octets of a mailbox that another deleted."""
    client = lab.client()
    client.ok("CREATE Old")
    lab.deliver(_Counted(), mailbox="Old")
    silent = lab.selected("Old")
    client.ok("DELETE Old")
    assert _Counted.alive == 0
    assert silent.do("FETCH 1 BODY.PEEK[]")[-1].startswith(b"NO [NONEXISTENT]")


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_copies(lab: Lab, held: Callable[[], int], verb: str) -> None:
    """Copies share their octets, which stay until the last copy goes."""
    client = lab.selected()
    client.ok("CREATE Kept")
    client.ok(f"{verb} 1:* Kept")
    assert held() == 3 * _SIZE
    if verb == "COPY":
        _delete_all(client)
    assert held() == 3 * _SIZE
    _delete_all(lab.selected("Kept"))
    assert held() == 0


def test_what_is_being_sent(lab: Lab, held: Callable[[], int]) -> None:
    """A message that is being sent keeps its octets until it is sent, or its client leaves."""
    staying, leaving = _begun(lab), _begun(lab)
    _delete_all(lab.selected())
    assert held() == _SIZE
    exchange, pieces = staying
    assert sum(map(len, pieces)) == _SIZE + len(b")\r\n")
    assert [reply.raw for reply in exchange if isinstance(reply, Reply)] == [
        b"a OK [EXPUNGEISSUED] FETCH completed\r\n"
    ]
    del pieces, staying
    assert held() == _SIZE
    leaving[0].close()
    del leaving
    assert held() == 0


def _begun(lab: Lab) -> tuple[Exchange, Iterator[bytes]]:
    """Have a client fetch everything, and take the first piece only."""
    client = lab.selected()
    exchange = client.session.handle(client.command(b"a FETCH 1:* BODY.PEEK[]\r\n"))
    reply = next(exchange)
    assert isinstance(reply, Reply)
    pieces = iter(reply.rest)
    next(pieces)
    return exchange, pieces
