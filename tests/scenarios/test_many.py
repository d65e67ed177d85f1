"""Five hundred scenarios cost nothing where nobody asks for them: objects are counted, not seconds."""

from __future__ import annotations

import gc
import ssl
from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest
from OpenSSL import SSL

from labserver.catalogue.addresses import addresses
from labserver.catalogue.entries import CATALOGUE
from labserver.lab import Lab
from labserver.pki.chain import Chain
from labserver.services import SERVICES
from labserver.session.casting import Role
from labserver.settings import Settings
from tests.scenarios.many import generated
from tests.servers.reactor import Reactor
from tests.tls.hello import of_ssl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.internet.interfaces import IReactorSocket

_PORTS = dict.fromkeys(("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"), 0)


@pytest.fixture
def many() -> Iterator[list[str]]:
    """Have five hundred more scenarios."""
    usual = dict(CATALOGUE.written)
    CATALOGUE.written.update(generated(500))
    yield [name for name in CATALOGUE.written if name not in usual]
    CATALOGUE.written.clear()
    CATALOGUE.written.update(usual)


def _existing() -> Counter[str]:
    """Count what costs something."""
    gc.collect()
    kinds = {Chain: "chains", Role: "roles", SSL.Context: "contexts", ssl.SSLContext: "contexts"}
    return Counter(kinds[type(one)] for one in gc.get_objects() if type(one) in kinds)


def _started(folder: Path) -> tuple[Lab, Reactor, Counter[str]]:
    before = _existing()
    lab, reactor = Lab(Settings(ports=_PORTS), run_directory=folder), Reactor()
    lab.start(cast("IReactorSocket", reactor))
    return lab, reactor, _existing() - before


def _stop(lab: Lab, reactor: Reactor) -> None:
    for port in reactor.ports:
        port.stopListening()
    lab.store.close()


def test_nothing_more_is_made(tmp_path: Path, many: list[str]) -> None:
    """A lab with all of them has the sockets, roles, contexts and chains of one with the good server alone."""
    with_many = _measured(tmp_path)
    for name in [*many, *CATALOGUE.written]:
        if name != "good":
            CATALOGUE.written.pop(name, None)
    assert _measured(tmp_path) == with_many
    assert with_many == ({"chains": 1, "roles": 2}, 2 * len(_PORTS)), "no context before the first client"


def _measured(folder: Path) -> tuple[Counter[str], int]:
    lab, reactor, made = _started(folder)
    sockets = len(reactor.ports)
    _stop(lab, reactor)
    return made, sockets


def test_all_are_there(tmp_path: Path, many: list[str]) -> None:
    """Every one is met at its address; what is made is what is met."""
    lab, reactor, _ = _started(tmp_path)
    before = _existing()
    assert len(set(addresses().values())) == len(CATALOGUE) > len(many) == 500
    some = [name for name in many if name.startswith("expired-")][:3]
    for name in some:
        role = lab.casting.at(addresses()[name])
        assert role.persona.scenario == name
        role.engine()
    assert _existing() - before == dict.fromkeys(("chains", "roles", "contexts"), len(some))
    _stop(lab, reactor)


def test_by_name(tmp_path: Path, many: list[str]) -> None:
    """A name chooses among all of them, and one chain is made for it."""
    lab, reactor, _ = _started(tmp_path)
    before = _existing()
    (name,) = [name for name in many if name.startswith("self-signed-")][-1:]
    met: list[str] = []
    engine = lab.casting.good_engine(SERVICES["imaps"], lambda scenario, _: met.append(scenario))
    engine.receive(of_ssl(f"{name}.lab.test"))
    engine.decrypted()
    assert engine.outgoing()
    assert met == [name]
    assert _existing() - before == {"chains": 1, "roles": 1, "contexts": 1}
    _stop(lab, reactor)
