"""Who is met where: by name, by address, on a port of its own; and that nobody is met who was not asked for."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.misbehaviours.chain import Chain
from tests.ours import CATALOGUE
from tests.patience import PATIENCE, eventually
from tests.scenarios.places import Way, place, s_client
from tests.scenarios.wire import ASKING, STARTING, Wire

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess
    from tests.scenarios.places import Place

IMPLICIT, EXPLICIT = "imaps", "smtp"
STRANGERS = (
    "",
    "localhost",
    "nonesuch.lab.test",
    "lab.test",
    "expired.example",
    "x.expired.lab.test",
    "expiredlab.test",
)
"""Names that are no scenario's, and no name at all."""


def _met(lab: LabProcess, known: int) -> list[str]:
    """Return the scenarios of the sessions since then."""
    return [one["scenario"] for one in lab.events("Connected")[known:]]


@pytest.mark.client
@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("service", [IMPLICIT, EXPLICIT])
def test_strangers(stage: LabProcess, service: str, name: str) -> None:
    """A name that is no scenario's, or none, gets the lab's good certificate."""
    printed = s_client(place(stage, "good", service, Way.NAME).asking(name))
    assert "subject=O = labserver, CN = localhost" in printed
    assert set(re.findall(r"verify error:num=(\d+)", printed)) <= {"62"}, "nothing but a name that is not ours"


@pytest.mark.client
@pytest.mark.parametrize("name", ["EXPIRED.Lab.Test", "expired.lab.localhost"])
def test_names_are_not_case_sensitive(stage: LabProcess, name: str) -> None:
    """Names are compared as DNS compares them, and both domains are known."""
    printed = s_client(place(stage, "expired", IMPLICIT, Way.NAME).asking(name))
    assert "verify error:num=10:" in printed


@pytest.mark.client
@pytest.mark.parametrize("scenario", [name for name, one in CATALOGUE.default.items() if not one.by_name])
def test_no_dialogue_by_name(stage: LabProcess, scenario: str) -> None:
    """What is said before the ClientHello cannot depend on a name in it: asking for it gets the good server."""
    known = len(stage.events("Connected"))
    leased = place(stage, scenario, "imap", Way.LEASE)
    where = replace(leased, port=stage.ports["imap"], name=CATALOGUE[scenario].host_names[0])
    assert "Verify return code: 0 (ok)" in s_client(where, "-verify_return_error")
    assert _met(stage, known) == ["good"]


@pytest.mark.parametrize("scenario", CATALOGUE.default)
def test_addresses(stage: LabProcess, scenario: str) -> None:
    """At its address a scenario is met on every service where it makes sense, whatever name is asked for."""
    services = CATALOGUE[scenario].services
    known = len(stage.events("Connected"))
    with ExitStack() as stack:
        for service in services:
            where = place(stage, scenario, service, Way.ADDRESS)
            stack.enter_context(socket.create_connection((where.host, where.port), PATIENCE))
        met = eventually(lambda: _met(stage, known), lambda met: len(met) >= len(services))
    assert met == [scenario] * len(services)


@pytest.mark.client
def test_an_address_is_stronger_than_a_name(stage: LabProcess) -> None:
    """Who dials a scenario's address gets that scenario, even if another's name is asked for."""
    where = place(stage, "expired", IMPLICIT, Way.ADDRESS).asking("self-signed.lab.test")
    assert "verify error:num=10:" in s_client(where)


def test_good_everywhere_else(stage: LabProcess) -> None:
    """Any other loopback address is the known-good server's."""
    known = len(stage.events("Connected"))
    for host in ("127.0.0.2", "127.66.0.1", "127.255.255.254"):
        assert host not in {place.address for place in CATALOGUE.places.values()}
        with socket.create_connection((host, stage.ports["smtp"]), PATIENCE) as client:
            assert client.recv(100).startswith(b"220 ")
    assert _met(stage, known) == ["good"] * 3


@pytest.mark.client
@pytest.mark.parametrize("scenario", [name for name, one in CATALOGUE.default.items() if one.services != ("imap",)])
def test_ipv6(stage: LabProcess, scenario: str) -> None:
    """On ::1 everything is as on 127.0.0.1: names choose, leased ports are the scenario's."""
    service = "smtp"
    for way in (Way.NAME, Way.LEASE) if CATALOGUE[scenario].by_name else (Way.LEASE,):
        where = place(stage, scenario, service, way)
        known = len(stage.events("Misbehaved"))
        with Wire(replace(where, host="::1")) as over6, Wire(where) as over4:
            assert over6.capabilities() == over4.capabilities()
            assert over6.ask(STARTING[where.service.protocol]) == over4.ask(STARTING[where.service.protocol])
        assert len(stage.events("Misbehaved")[known:]) % 2 == 0
    if scenario == "expired":
        assert "verify error:num=10:" in s_client(replace(place(stage, scenario, service, Way.NAME), host="::1"))


def _clear(where: Place) -> list[bytes]:
    """Return what is said in clear when nobody else is there."""
    with Wire(where) as wire:
        return [wire.greeting, *(_say(wire, command) for command in _script(where))]


def _script(where: Place) -> list[bytes]:
    protocol = where.service.protocol
    return [ASKING[protocol], b"a9 NOOP\r\n" if protocol == "imap" else b"NOOP\r\n", STARTING[protocol]]


def _say(wire: Wire, command: bytes) -> bytes:
    """Return what a command gets: the whole segment, with whatever is behind the answer."""
    wire.send(command)
    return wire.segment()


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_interleaved(stage: LabProcess, service: str) -> None:
    """All scenarios at once on one service, their commands interleaved: each says what it says alone."""
    scenarios = [name for name, one in CATALOGUE.default.items() if service in one.services]
    wheres = [place(stage, name, service, Way.ADDRESS) for name in scenarios]
    alone = [_clear(where) for where in wheres]
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(where)) for where in wheres]
        together = [[wire.greeting] for wire in wires]
        for step in range(len(_script(wheres[0]))):
            for wire, said in zip(wires, together, strict=True):
                said.append(_say(wire, _script(wire.where)[step]))
    assert together == alone
    lying = [said for said, name in zip(alone, scenarios, strict=True) if not _silent_in_clear(name)]
    assert all(said != alone[0] for said in lying), "what lies in clear says something else than the good server"
    assert all(said == alone[0] for said, name in zip(alone, scenarios, strict=True) if _silent_in_clear(name))


def _silent_in_clear(scenario: str) -> bool:
    """Tell whether a scenario lies inside TLS only, or in the handshake."""
    one = CATALOGUE[scenario]
    said = [link for link in one.chain.links if link.kind not in {"login-refused", "proof"}]
    return not one.server.permissive and (not said or Chain(said).only_presents)


def test_handshakes_interleaved(stage: LabProcess) -> None:
    """Two handshakes on one port, one inside the other: each gets the certificate of the name it asked for."""
    expired, good = (place(stage, name, IMPLICIT, Way.NAME) for name in ("expired", "good"))
    with Wire(good) as first, Wire(good) as second:
        tardy = s_client(expired)
        second.shake()
        first.shake()
        assert first.certificate() == second.certificate()
    assert "verify error:num=10:" in tardy


def test_one_session_never_changes_another(stage: LabProcess) -> None:
    """Refused logins in one scenario count for nobody else: the good server still lets in."""
    rejecting, honest = place(stage, "auth-rejected", "pop3s", Way.ADDRESS), place(stage, "good", "pop3s", Way.NAME)
    with Wire(rejecting).secured() as refused, Wire(honest).secured() as good:
        for wire, answer in ((refused, b"-ERR [AUTH]"), (good, b"+OK"), (refused, b"-ERR [AUTH]")):
            assert wire.ask(b"USER alice\r\n").startswith(b"+OK")
            assert wire.ask(b"PASS secret\r\n").startswith(answer)
