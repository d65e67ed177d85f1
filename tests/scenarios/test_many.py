"""Five hundred scenarios cost nothing where nobody asks for them: objects are counted, not seconds."""

from __future__ import annotations

import gc
import ssl
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from OpenSSL import SSL

from labserver.catalogue.catalogue import Catalogue
from labserver.catalogue.places import Place
from labserver.lab import Lab
from labserver.pki.chain import Chain
from labserver.services import SERVICES
from labserver.session.roles import Role
from labserver.settings import Settings
from tests.ours import CATALOGUE
from tests.scenarios.many import with_generated
from tests.servers.reactor import Reactor
from tests.tls.hello import of_ssl

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.internet.interfaces import IReactorSocket

    from labserver.scenario import Scenario

_PORTS = dict.fromkeys(("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"), 0)


@pytest.fixture
def many() -> Catalogue:
    """Return a catalogue with five hundred more scenarios."""
    return with_generated(500)


def _existing() -> Counter[str]:
    """Count what costs something."""
    gc.collect()
    kinds = {Chain: "chains", Role: "roles", SSL.Context: "contexts", ssl.SSLContext: "contexts"}
    return Counter(kinds[type(one)] for one in gc.get_objects() if type(one) in kinds)


def _started(folder: Path, catalogue: Catalogue) -> tuple[Lab, Reactor, Counter[str]]:
    before = _existing()
    lab, reactor = Lab(Settings(ports=_PORTS), catalogue, run_directory=folder), Reactor()
    lab.start(cast("IReactorSocket", reactor))
    return lab, reactor, _existing() - before


def _stop(lab: Lab, reactor: Reactor) -> None:
    for port in reactor.ports:
        port.stopListening()
    lab.store.close()


def test_nothing_more_is_made(tmp_path: Path, many: Catalogue) -> None:
    """A lab with all of them has the sockets, roles, contexts and chains of one with the good server alone."""
    good = {"good": many["good"]}
    alone = Catalogue(lambda: {"good": Place("127.66.119.14", "good.toml")}, lambda _: good)
    assert _measured(tmp_path, many) == _measured(tmp_path, alone)
    assert _measured(tmp_path, many) == ({"chains": 1, "roles": 1}, 2 * len(_PORTS)), "no context before a client"


@pytest.mark.parametrize("count", [415, 5000])
def test_nothing_is_read(tmp_path: Path, count: int) -> None:
    """A lab is ready without having read the index, or a scenario, however many there are; then it reads one file."""
    read: list[str] = []

    def index() -> dict[str, Place]:
        read.append("index")
        return {f"x-{number}": Place(f"127.66.{number >> 7}.{number & 127}", f"{number}") for number in range(count)}

    def load(file: str) -> dict[str, Scenario]:
        read.append(file)
        return {f"x-{file}": replace(CATALOGUE["auth-rejected"], id=f"x-{file}")}

    lab, reactor, _ = _started(tmp_path, Catalogue(index, load))
    for service in SERVICES.values():
        engine = lab.roles.good_engine(service, lambda *_: None, lambda _: None)
        engine.receive(of_ssl("localhost"))
        engine.decrypted()
    assert lab.roles.at("127.0.0.1") is lab.roles.good
    assert read == []
    for _ in range(2):
        assert lab.roles.at("127.66.1.3").scenario == "x-131"
        assert lab.roles.named("x-131.lab.test", SERVICES["imap"]) is None, "it is not to be met by name"
        assert lab.roles.at("127.66.255.1") is lab.roles.good
        assert read == ["index", "131"]
    _stop(lab, reactor)


def _measured(folder: Path, catalogue: Catalogue) -> tuple[Counter[str], int]:
    lab, reactor, made = _started(folder, catalogue)
    sockets = len(reactor.ports)
    _stop(lab, reactor)
    return made, sockets


def test_all_are_there(tmp_path: Path, many: Catalogue) -> None:
    """Every one is met at its address; what is made is what is met."""
    lab, reactor, _ = _started(tmp_path, many)
    before = _existing()
    assert len({place.address for place in many.places.values()}) == len(many) == len(CATALOGUE) + 500
    some = [name for name in many if name.startswith("expired-")][:3]
    for name in some:
        role = lab.roles.at(many.address(name))
        assert role.scenario == name
        role.engine()
    assert _existing() - before == dict.fromkeys(("chains", "roles", "contexts"), len(some))
    _stop(lab, reactor)


def test_by_name(tmp_path: Path, many: Catalogue) -> None:
    """A name chooses among all of them, and one chain is made for it."""
    lab, reactor, _ = _started(tmp_path, many)
    before = _existing()
    (name,) = [name for name in many if name.startswith("self-signed-")][-1:]
    met: list[str] = []
    engine = lab.roles.good_engine(SERVICES["imaps"], lambda scenario, _: met.append(scenario), lambda _: None)
    engine.receive(of_ssl(f"{name}.lab.test"))
    engine.decrypted()
    assert engine.outgoing()
    assert met == [name]
    assert _existing() - before == {"chains": 1, "roles": 1, "contexts": 1}
    _stop(lab, reactor)
