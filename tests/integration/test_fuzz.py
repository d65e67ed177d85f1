"""Whatever comes in on whatever port, in clear and in TLS, the lab lives and finds no fault in itself."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.integration.peer import Peer
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.labs import LabProcess

_SERVICES = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp"]
_ROUNDS = 25
_WORDS = {
    "smtp": b"EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP AUTH PLAIN STARTTLS FROM:<a@b> "
    b"TO:<alice@lab.test> SIZE=9 LAST 5 BODY=8BITMIME . * = AGFsaWNlAHNlY3JldA==",
    "imap": b"a b c * + LOGIN AUTHENTICATE SELECT FETCH UID STORE SEARCH APPEND IDLE DONE ENABLE LIST LSUB STATUS "
    b'THREAD SORT NAMESPACE ID INBOX 1:* 1 (FLAGS) BODY[] {3} {3+} ~{3+} {99999999999} ALL NOT OR ( ) [ ] " \\ '
    b"alice secret CHARSET UTF-8 BODY[1.2.HEADER.FIELDS (x)]<0.5> RETURN (MIN MAX) $ NIL ENVELOPE",
    "pop3": b"USER PASS APOP STAT LIST RETR DELE NOOP RSET TOP UIDL CAPA STLS AUTH UTF8 LANG QUIT 1 -1 99999999999 "
    b"alice secret",
}
_UNFINISHED = (b"a LOGIN {5}\r\n", b"a LOGIN {5+}\r\nal", b"a APPEND x {9999999999+}\r\n", b"a LOGIN {5}\r\nalice {3}")


def _family(service: str) -> str:
    return service[:4] if service[:4] in ("imap", "pop3") else "smtp"


def _noise(chance: random.Random, service: str) -> bytes:
    """Return octets: random ones, words of the protocol in random order, or both mixed."""
    vocabulary = _WORDS[_family(service)].split()
    pieces = []
    for _ in range(chance.randrange(1, 30)):
        kind = chance.random()
        if kind < 0.1:
            pieces.append(chance.randbytes(chance.randrange(1, 40)))
        elif kind < 0.35:
            pieces.append(chance.choice([b"\r\n", b"\n", b"\r", b"\r\n.\r\n", b"\0", b"\xff\xfe"]))
        else:
            pieces.append(chance.choice([b" ", b"\r\n", b""]) + chance.choice(vocabulary) + b" ")
    return b"".join(pieces) + chance.choice([b"", b"\r\n", b"\r\n" * 3])


@pytest.fixture(params=_SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Run the test for each service."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _sound(lab: LabProcess) -> Iterator[None]:
    """See after each test that the lab is well and serves."""
    yield
    lab.sound()
    with Peer(lab, "imaps") as peer:
        peer.login()


def test_random_octets(lab: LabProcess, service: str) -> None:
    """Random octets in clear, on ports of TLS too."""
    chance = random.Random(f"octets {service}")  # noqa: S311 -- the same octets every time
    for _ in range(_ROUNDS):
        with socket.create_connection(("127.0.0.1", lab.ports[service])) as client, contextlib.suppress(OSError):
            client.sendall(chance.randbytes(chance.randrange(1, 2000)))


def test_words_in_clear(lab: LabProcess, service: str) -> None:
    """Words of the protocol in random order, in clear, the answers not read."""
    chance = random.Random(f"clear {service}")  # noqa: S311 -- the same octets every time
    for _ in range(_ROUNDS):
        with socket.create_connection(("127.0.0.1", lab.ports[service])) as client, contextlib.suppress(OSError):
            for _ in range(chance.randrange(1, 4)):
                client.sendall(_noise(chance, service))


@pytest.mark.parametrize("logged_in", [False, True])
def test_words_inside_tls(lab: LabProcess, service: str, *, logged_in: bool) -> None:
    """The same inside TLS, before and after login."""
    chance = random.Random(f"tls {service} {logged_in}")  # noqa: S311 -- the same octets every time
    for _ in range(_ROUNDS):
        with Peer(lab, service) as peer:
            if not service.endswith("s"):
                peer.upgrade()
            if logged_in:
                _log_in(peer)
            with contextlib.suppress(OSError, ssl.SSLError):
                for _ in range(chance.randrange(1, 4)):
                    peer.send(_noise(chance, service))
                peer.sock.settimeout(0.02)
                peer.sock.recv(1 << 20)


def _log_in(peer: Peer) -> None:
    if _family(peer.service) != "smtp":
        peer.login()
        if _family(peer.service) == "imap":
            peer.ask(b"x SELECT INBOX\r\n")
    else:
        peer.ask(b"LHLO me\r\n" if peer.service == "lmtp" else b"EHLO me\r\n")
        peer.ask(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")


def test_broken_records(lab: LabProcess) -> None:
    """Octets of TLS records changed on their way break the connection and nothing else."""
    chance = random.Random("records")  # noqa: S311 -- the same octets every time
    context = ssl.create_default_context(cafile=str(lab.ca))
    for _ in range(40):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", lab.ports["imaps"]), timeout=PATIENCE) as client:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            hello = bytearray(outgoing.read())
            for _ in range(chance.randrange(1, 5)):
                hello[chance.randrange(len(hello))] = chance.randrange(256)
            with contextlib.suppress(OSError):
                client.sendall(bytes(hello))
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass


def test_rests_of_literals(lab: LabProcess) -> None:
    """A literal announced and never sent, and one sent and never finished, on many connections at once."""
    for text in _UNFINISHED:
        for _ in range(10):
            with Peer(lab, "imap") as peer:
                peer.send(text)
