"""Clients that misbehave cost nothing that lasts: memory is bounded, descriptors come back."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.integration.peer import Peer
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.labs import LabProcess

_MIB = 1 << 20
_SLACK = 4
"""Descriptors that come and go by themselves: the transcript's reader, a thread's."""


def _settled(look: Callable[[], int], most: int, seconds: float = PATIENCE) -> int:
    """Look until it is at most so much, or time is over; return what was seen last."""
    deadline = time.monotonic() + seconds
    while (seen := look()) > most and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


@pytest.fixture(scope="module")
def filled(lab: LabProcess) -> LabProcess:
    """Give alice a message of thirty mebibytes."""
    content = b"Subject: large\r\n\r\n" + (b"x" * 78 + b"\r\n") * (30 * _MIB // 80)
    with Peer(lab, "imaps") as peer:
        peer.login()
        answer = peer.ask(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(content), content))
        assert b"a OK" in answer
    return lab


@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_a_client_that_does_not_read(filled: LabProcess, service: str) -> None:
    """A client that asks for thirty mebibytes, ten times, and reads nothing costs one of them, not ten."""
    with Peer(filled, service, receive_buffer=4096) as peer:
        if service == "imap":
            peer.upgrade()
        peer.login().ask(b"b SELECT INBOX\r\n")
        peer.ask(b"c FETCH 1 (RFC822.SIZE)\r\n")
        before = filled.resident()
        peer.send(b"".join(b"d%d FETCH 1 (BODY.PEEK[])\r\n" % number for number in range(10)))
        time.sleep(0.3)  # what could grow would have grown
        assert filled.resident() - before < 120 * _MIB, "one copy, and what the allocator keeps of making it"
        with Peer(filled, "smtp") as other:
            assert other.ask(b"NOOP\r\n").startswith(b"250 "), "others are served meanwhile"


def test_many_clients_that_do_not_read(filled: LabProcess) -> None:
    """Ten of them cost no more than a copy each: nothing is encrypted or queued that nobody takes."""
    with ExitStack() as stack:
        before = filled.resident()
        for _ in range(10):
            peer = stack.enter_context(Peer(filled, "imaps", receive_buffer=4096))
            peer.login().ask(b"b SELECT INBOX\r\n")
            peer.send(b"d FETCH 1 (BODY.PEEK[])\r\n")
        time.sleep(0.3)  # what could grow would have grown
        assert filled.resident() - before < 10 * 40 * _MIB


def _plain(lab: LabProcess, service: str) -> None:
    with Peer(lab, service, greet=service[-1] != "s"):
        pass


def _reset(lab: LabProcess, service: str) -> None:
    with socket.create_connection(("127.0.0.1", lab.ports[service])) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _half_a_handshake(lab: LabProcess, service: str) -> None:
    with socket.create_connection(("127.0.0.1", lab.ports[service])) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40))


def _no_handshake(lab: LabProcess, service: str) -> None:
    with socket.create_connection(("127.0.0.1", lab.ports[service])) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def _upgrade_and_leave(lab: LabProcess, _: str) -> None:
    with Peer(lab, "imap") as peer:
        peer.ask(b"a STARTTLS\r\n")


def _inside_a_command(lab: LabProcess, _: str) -> None:
    with Peer(lab, "smtp") as peer:
        peer.ask(b"EHLO me\r\n")
        peer.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\nhalf of")


def _idle_and_leave(lab: LabProcess, _: str) -> None:
    with Peer(lab, "imaps") as peer:
        peer.login("bob").ask(b"a SELECT INBOX\r\n")
        peer.ask(b"b IDLE\r\n")


def _request_and_leave(lab: LabProcess, _: str) -> None:
    with Peer(lab, "imaps", receive_buffer=4096) as peer:
        peer.login().ask(b"a SELECT INBOX\r\n")
        peer.send(b"b FETCH 1 (BODY.PEEK[])\r\n")


@pytest.mark.parametrize(
    ("leave", "service", "times"),
    [
        (_plain, "imap", 200),
        (_plain, "imaps", 50),
        (_reset, "smtp", 200),
        (_reset, "imaps", 200),
        (_half_a_handshake, "imaps", 200),
        (_no_handshake, "pop3s", 200),
        (_upgrade_and_leave, "imap", 100),
        (_inside_a_command, "smtp", 100),
        (_idle_and_leave, "imaps", 30),
        (_request_and_leave, "imaps", 5),
    ],
)
def test_descriptors_come_back(
    filled: LabProcess, leave: Callable[[LabProcess, str], None], service: str, times: int
) -> None:
    """However a client leaves, and how often, no descriptor stays."""
    before = filled.descriptors()
    for _ in range(times):
        leave(filled, service)
    assert _settled(filled.descriptors, before + _SLACK) <= before + _SLACK
    filled.sound()


def test_memory_comes_back(filled: LabProcess) -> None:
    """Sessions leave nothing behind but the transcript, which is bounded."""
    for _ in range(2):
        for _ in range(300):
            _reset(filled, "imaps")
        before = filled.resident()
    for _ in range(600):
        _reset(filled, "imaps")
    assert filled.resident() - before < 8 * _MIB
