"""Many clients at once, on all services: each gets its own answers, and all mail arrives once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running
from tests.integration.peer import Peer, send_mail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.labs import LabProcess

_USERS = [f"user{number}" for number in range(8)]
_ROUNDS = 5


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab with many users."""
    options = [word for user in _USERS for word in ("--user", f"{user}:pw-{user}")]
    with running(tmp_path_factory.mktemp("lab"), "--lmtp-port", "0", *options) as lab:
        yield lab


def _mail(user: str, number: int) -> bytes:
    return f"To: {user}\r\nSubject: {user} {number}\r\n\r\n{user * 50}\r\n".encode()


def _life(lab: LabProcess, user: str) -> tuple[list[bytes], list[bytes], int]:
    """Send mail to oneself by all ways, and read it by all ways."""
    sent = []
    for number in range(_ROUNDS):
        content = _mail(user, number)
        service = ("smtp", "lmtp")[number % 2]
        (reply,) = send_mail(lab, content, f"{user}@lab.test", service=service, chunked=number % 3 == 0)
        assert reply.startswith(b"250")
        sent.append(content)
    password = f"pw-{user}"
    with Peer(lab, "imap") as peer:
        read = peer.upgrade().login(user, password).mailbox()
    with Peer(lab, "pop3s") as peer:
        count = int(peer.login(user, password).ask(b"STAT\r\n").split()[1])
    return sent, read, count


def test_lives_beside_each_other(crowded: LabProcess) -> None:
    """Everybody has their own mail and nobody else's."""
    with ThreadPoolExecutor(len(_USERS)) as pool:
        lives = list(pool.map(lambda user: _life(crowded, user), _USERS))
    for sent, read, count in lives:
        assert read == sent
        assert count == len(sent)


def test_no_cross_talk(crowded: LabProcess) -> None:
    """Two hundred connections, asked in turn, octet by octet: each answer goes to who asked."""
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(crowded, "imap")) for _ in range(100)]
        peers += [stack.enter_context(Peer(crowded, "smtp")) for _ in range(100)]
        commands = [
            b"tag%d NOOP\r\n" % number if peer.service == "imap" else b"VRFY user%d\r\n" % (number % 8)
            for number, peer in enumerate(peers)
        ]
        for column in range(max(map(len, commands))):
            for peer, command in zip(peers, commands, strict=True):
                if octet := command[column : column + 1]:
                    peer.send(octet)
        for number, peer in enumerate(peers):
            answer = peer.line()
            assert answer.startswith(b"tag%d OK" % number if peer.service == "imap" else b"25")


def test_all_idle_all_hear(crowded: LabProcess) -> None:
    """One message, thirty clients in IDLE on its mailbox: all hear of it once."""
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(crowded, "imaps")) for _ in range(30)]
        for peer in peers:
            peer.login("user7", "pw-user7").ask(b"a SELECT INBOX\r\n")
            assert peer.ask(b"b IDLE\r\n").startswith(b"+ ")
        send_mail(crowded, _mail("user7", 99), "user7@lab.test")
        heard = {peer.line() for peer in peers}
        assert len(heard) == 1
        assert heard.pop().endswith(b" EXISTS\r\n")
