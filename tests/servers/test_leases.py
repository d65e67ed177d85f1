"""Leases without a loop: a scenario on ports of its own, recorded apart, gone when it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, cast

import pytest

from labserver import events
from labserver.errors import ConfigurationError, UnavailableError
from labserver.lab import Lab
from labserver.pki.material import IssuerName, Wanted
from labserver.servers.leases import LOOPBACK, check_case
from labserver.settings import Settings
from tests.ours import CATALOGUE
from tests.servers.reactor import Reactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from twisted.internet.interfaces import IReactorSocket

    from labserver.servers.leases import Lease
    from tests.servers.line import Loop


@pytest.fixture
def reactor() -> Reactor:
    """Return a reactor on which nothing listens."""
    return Reactor()


@pytest.fixture
def make_lab(tmp_path: Path, reactor: Reactor, loop: Loop) -> Iterator[Callable[[Wanted], Lab]]:
    """Return a maker of labs that have been started."""
    assert loop.armed == 0
    labs: list[Lab] = []

    def make(wanted: Wanted) -> Lab:
        lab = Lab(Settings(ports={}, certificates=wanted), CATALOGUE, run_directory=tmp_path)
        lab.start(cast("IReactorSocket", reactor))
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        lab.store.close()


@pytest.fixture
def lab(make_lab: Callable[[Wanted], Lab]) -> Lab:
    """Return a lab that has been started."""
    return make_lab(Wanted())


@contextlib.contextmanager
def _leased(lab: Lab, identifier: str, *services: str, control: bool = False) -> Iterator[Lease]:
    lease = lab.lease(identifier, services, control=control)
    try:
        yield lease
    finally:
        for port in lease.listening:
            port.stopListening()


def _met(lease: Lease) -> list[str]:
    return [
        event.scenario for session in lease.sessions for event in session.events if isinstance(event, events.Connected)
    ]


def test_recorded_apart(lab: Lab, reactor: Reactor) -> None:
    """Its sessions are its own, and nobody else's."""
    with _leased(lab, "imap-greeting-preauth", "imap") as preauth, _leased(lab, "good", "imap", "smtp") as good:
        assert reactor.connect(preauth.ports["imap"])[1].startswith(b"* PREAUTH ")
        assert reactor.connect(good.ports["imap"])[1].startswith(b"* OK ")
        assert reactor.connect(good.ports["smtp"])[1].startswith(b"220 ")
        assert [_met(lease) for lease in (preauth, good)] == [["imap-greeting-preauth"], ["good"] * 2]
        assert list(lab.transcript.records()) == []


def test_places(lab: Lab, reactor: Reactor) -> None:
    """Each service has one port, on the loopback addresses of both families and nowhere else."""
    with _leased(lab, "good", "imap", "smtp") as lease:
        assert set(lease.ports) == {"imap", "smtp"}
        places = {(host, port) for host in LOOPBACK for port in lease.ports.values()}
        assert {one.address for one in reactor.ports} == places


@pytest.mark.parametrize("control", [False, True])
def test_control(lab: Lab, reactor: Reactor, *, control: bool) -> None:
    """A control's server has everything but the fault."""
    with _leased(lab, "response-injection", "smtp", control=control) as lease:
        connection, _ = reactor.connect(lease.ports["smtp"])
        connection.dataReceived(b"STARTTLS\r\n")
        (session,) = lease.sessions
        assert any(isinstance(event, events.TlsStarted) for event in session.events)
        assert any(isinstance(event, events.Misbehaved) for event in session.events) is not control


def test_closed(lab: Lab) -> None:
    """Closed, nobody listens there any more."""
    lease = lab.lease("good", ["pop3"])
    place = ("127.0.0.1", lease.ports["pop3"])
    with socket.create_connection(place):
        pass
    with asyncio.Runner() as runner:
        runner.run(lease.close())
    assert lease.listening == []
    with pytest.raises(ConnectionRefusedError), socket.create_connection(place):
        pass


def test_trust(lab: Lab) -> None:
    """What a client is told to trust is what vouches for that scenario's certificate, and its names are known."""
    with _leased(lab, "expired", "imaps") as ours, _leased(lab, "good-trustme", "imaps") as theirs:
        assert ours.ca_pem.read_bytes() == lab.material.chain.anchors_pem
        assert theirs.ca_pem.read_bytes() == lab.chains.chain("good-trustme").anchors_pem
        assert ours.ca_pem.read_bytes() != theirs.ca_pem.read_bytes()
        assert theirs.host_names == ("good-trustme.lab.test", "good-trustme.lab.localhost")


def test_unavailable(make_lab: Callable[[Wanted], Lab]) -> None:
    """What this lab cannot serve is no lease, and the reason is given."""
    lab = make_lab(Wanted(issuer=IssuerName.TRUSTME))
    assert lab.unavailable("self-signed") is None
    with pytest.raises(UnavailableError, match=r"^expired cannot be served here: Only the lab's own CA"):
        lab.lease("expired", ["imaps"])


@pytest.mark.parametrize(
    ("identifier", "services", "told"),
    [
        ("nonesuch", [], "unknown scenario nonesuch"),
        (
            "starttls-stripped",
            ["smtp", "imaps"],
            "is not available on imaps, only on smtp, submission, imap, pop3",
        ),
        ("good", ["lmtp"], "is not available on lmtp"),
    ],
)
def test_no_case(identifier: str, services: list[str], told: str) -> None:
    """What is no case is the operator's mistake."""
    with pytest.raises(ConfigurationError, match=told):
        check_case(CATALOGUE, identifier, services)
