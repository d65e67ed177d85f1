"""Plaintext behind STARTTLS never acts inside TLS (CVE-2011-0411), however it is cut into segments."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.integration.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.labs import LabProcess


@dataclass(frozen=True, kw_only=True)
class _Case:
    service: str
    upgrade: bytes
    injected: bytes
    """Would log in, or begin a transaction, were it taken for something said inside TLS."""
    probe: bytes
    unmoved: bytes
    """What the probe answers where none of it was heard."""


_CASES = [
    _Case(
        service="smtp",
        upgrade=b"STARTTLS\r\n",
        injected=b"EHLO evil\r\nMAIL FROM:<evil@x.test>\r\n",
        probe=b"RCPT TO:<alice@lab.test>\r\n",
        unmoved=b"503 ",
    ),
    _Case(
        service="lmtp",
        upgrade=b"STARTTLS\r\n",
        injected=b"LHLO evil\r\nMAIL FROM:<evil@x.test>\r\n",
        probe=b"RCPT TO:<alice@lab.test>\r\n",
        unmoved=b"503 ",
    ),
    _Case(
        service="imap",
        upgrade=b"a STARTTLS\r\n",
        injected=b"b LOGIN evil evil\r\nc NOOP evil\r\n",
        probe=b"d CAPABILITY\r\n",
        unmoved=b"* CAPABILITY ",
    ),
    _Case(
        service="pop3",
        upgrade=b"STLS\r\n",
        injected=b"USER evil\r\nCAPA evil\r\n",
        probe=b"PASS x\r\n",
        unmoved=b"-ERR ",
    ),
]


@pytest.fixture(params=_CASES, ids=lambda case: case.service)
def case(request: pytest.FixtureRequest) -> _Case:
    """Run the test for each protocol."""
    found: _Case = request.param
    return found


def _ready(lab: LabProcess, case: _Case) -> Peer:
    peer = Peer(lab, case.service)
    if case.service in ("smtp", "lmtp"):
        peer.ask(b"EHLO me\r\n" if case.service == "smtp" else b"LHLO me\r\n")
    return peer


def _cuts(whole: bytes) -> Iterator[tuple[bytes, bytes]]:
    for index in range(len(whole) + 1):
        yield whole[:index], whole[index:]


def _unmoved(peer: Peer, case: _Case) -> None:
    """See that inside TLS nothing is answered but what is asked there."""
    peer.send(case.probe)
    assert peer.line().startswith(case.unmoved)


def _heard_evil(lab: LabProcess) -> list[object]:
    """Return commands in the transcript that were injected."""
    return [event for event in lab.events("CommandReceived") if "evil" in event["data"].lower()]


def test_in_the_same_segment(lab: LabProcess, case: _Case) -> None:
    """What follows the upgrade in its segment is discarded, and told; the handshake that follows works."""
    before = len(lab.events("PlaintextDiscarded"))
    with _ready(lab, case) as peer:
        peer.send(case.upgrade + case.injected)
        assert peer.line()[:5].split()[0] in (b"220", b"a", b"+OK")
        peer.shake()
        _unmoved(peer, case)
    assert len(lab.events("PlaintextDiscarded")) == before + 1
    assert not _heard_evil(lab)


def test_cut_anywhere(lab: LabProcess, case: _Case) -> None:
    """Cut into two segments at every octet, it is discarded or breaks the handshake; it is never a command."""
    shaken = 0
    for first, second in _cuts(case.upgrade + case.injected):
        with _ready(lab, case) as peer:
            peer.send(*filter(None, (first, second)))
            peer.line()
            try:
                peer.shake()
            except (ssl.SSLError, ConnectionError):
                continue
            shaken += 1
            _unmoved(peer, case)
    assert shaken >= len(case.upgrade) - 1, "cut inside the upgrade itself, the rest comes in its segment"
    assert not _heard_evil(lab)


def test_after_the_answer(lab: LabProcess, case: _Case) -> None:
    """What comes in clear when the server waits for a ClientHello breaks the handshake, and is not answered."""
    with _ready(lab, case) as peer:
        peer.send(case.upgrade)
        peer.line()
        peer.send(case.injected)
        answer = peer.rest()
    assert answer[:1] in (b"", b"\x15"), "an alert at most"
    assert not _heard_evil(lab)
