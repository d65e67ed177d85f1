"""Who plays what, without a socket: roles are made at the first use, and each from its own scenario."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.conditions import Nth, When
from labserver.misbehaviours.kinds.tls import TlsAlpn, TlsVersion
from labserver.misbehaviours.moment import Scope
from labserver.misbehaviours.presentation import AS_USUAL, Presentation
from labserver.services import SERVICES
from labserver.session.engine_choice import Answer, Visit, always
from labserver.session.roles import Role, Roles
from labserver.tls.engine import TlsFailure
from labserver.tls.failed import FailedEngine
from labserver.tls.stalled import StalledEngine
from tests.ours import CATALOGUE
from tests.tls.hello import Parts, of_ssl, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.specification import ChainSpec
    from tests.session.playbook import Building

IMAPS = SERVICES["imaps"]
BY_NAME = [name for name, scenario in CATALOGUE.default.items() if scenario.by_name]
IN_HANDSHAKE = [name for name in BY_NAME if name != "good"]
"""Scenarios that act before any octet of the dialogue."""


class Answering(StalledEngine):
    """An engine that sends as much as the beginning of a ServerHello, once and again."""

    def outgoing(self) -> bytes:
        """Return it."""
        return records(b"\x02\0\0\x46")


class Observed:
    """Roles, and whose engines they had made."""

    def __init__(self, building: Building) -> None:
        self.asked: list[str | None] = []
        self.made: list[str | None] = []
        self.visits: list[Visit] = []
        self.misbehaved: list[tuple[str, str]] = []
        self.roles = Roles(
            catalogue=CATALOGUE,
            access=building.access(),
            backends=building.backends(),
            make_answers=self._answers,
            account="alice",
            seed="roles",
        )

    def _answers(self, identifier: str | None, recipe: ChainSpec | None) -> Callable[[Visit], Answer]:
        self.asked.append(identifier)

        def answer(visit: Visit) -> Answer:
            self.made.append(identifier)
            self.visits.append(visit)
            return Answer(engine=Answering(), good=recipe is not None and recipe.id == "rsa2048")

        return answer

    def misbehave(self, scenario: str, facet: str) -> None:
        """Take note."""
        self.misbehaved.append((scenario, facet))


def _told(identifier: str, role: Role) -> list[tuple[str, str]]:
    """Return what is told of a scenario whose fault lies in the handshake."""
    return [(identifier, kind) for kind in [link.kind for link in role.chain.links] or ["certificate"]]


def _hello(name: str) -> bytes:
    return of_ssl(name) if name else records(Parts().message())


@pytest.fixture
def observed(building: Building) -> Observed:
    """Return roles that nobody has asked for anything."""
    return Observed(building)


def test_nothing_is_made_before_it_is_needed(observed: Observed) -> None:
    """At first there is the good server alone, and no engine of it."""
    assert set(observed.asked) == {None}
    assert observed.made == []


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_role(observed: Observed, identifier: str) -> None:
    """A role has its scenario's chain and account, is made once, and is met at the scenario's address."""
    role = observed.roles.role(identifier)
    scenario = CATALOGUE[identifier]
    assert role.scenario == identifier
    assert role.account == "alice"
    assert observed.roles.role(identifier) is role is observed.roles.at(CATALOGUE.address(identifier))
    assert role.access.cleartext == role.access.bait == scenario.server.permissive
    assert (role.access.requested or frozenset()) == set(scenario.server.mechanisms)
    assert role.chain == scenario.chain
    assert role.maker(SERVICES["imap"]) is role.maker(SERVICES["imap"])


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_control(observed: Observed, identifier: str) -> None:
    """A control is the scenario without the fault where it has one, under the scenario's name."""
    role, scenario = observed.roles.role(identifier, control=True), CATALOGUE[identifier]
    assert role is not observed.roles.role(identifier)
    assert role.scenario == identifier
    assert role.chain == scenario.control_chain


def test_no_such_role(observed: Observed) -> None:
    """There are no other roles."""
    with pytest.raises(KeyError):
        observed.roles.role("nonesuch")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.66.0.1", "192.0.2.1", ""])
def test_anywhere_else(observed: Observed, address: str) -> None:
    """At any other address the good server is met, with the lab's own certificate."""
    assert observed.roles.at(address) is observed.roles.good
    observed.roles.good.engine()
    assert observed.made == [None]


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_named(observed: Observed, identifier: str) -> None:
    """By name only those are met whose fault comes after the ClientHello."""
    for name in CATALOGUE[identifier].host_names:
        role = observed.roles.named(name, SERVICES["submission"])
        assert (role is None) is (identifier not in BY_NAME)
        assert role is None or role.scenario == identifier


@pytest.mark.parametrize("identifier", IN_HANDSHAKE)
def test_chosen_by_the_hello(observed: Observed, identifier: str) -> None:
    """The good server's engine becomes the other's when the ClientHello asks for it, and the fault is told once."""
    engine = observed.roles.good_engine(IMAPS, observed.misbehave, lambda _: None)
    assert observed.made == []
    engine.receive(_hello(CATALOGUE[identifier].host_names[0]))
    for _ in range(2):
        engine.decrypted()
    told = _told(identifier, observed.roles.role(identifier))
    assert observed.misbehaved == [one for one in told if one[1] != "certificate"]
    for _ in range(2):
        engine.outgoing()
        assert observed.misbehaved == told
    assert observed.made == [identifier]


def test_with_implicit_tls_the_dialogue_is_chosen_by_the_hello(observed: Observed) -> None:
    """A scenario whose fault lies in the dialogue is met by its name where all of that comes after the ClientHello."""
    become: list[Role] = []
    for service in ("imaps", "submission"):
        engine = observed.roles.good_engine(SERVICES[service], observed.misbehave, become.append)
        engine.receive(_hello("auth-rejected.lab.test"))
        engine.decrypted()
    assert [role.scenario for role in become] == ["auth-rejected"]
    assert observed.made == ["auth-rejected", None]


@pytest.mark.parametrize("name", ["", "localhost", "nonesuch.lab.test", "starttls-stripped.lab.test"])
def test_not_chosen(observed: Observed, name: str) -> None:
    """Any other name, or none, leaves the good server's engine, and nothing misbehaved."""
    engine = observed.roles.good_engine(IMAPS, observed.misbehave, lambda _: None)
    engine.receive(_hello(name))
    engine.decrypted()
    assert observed.made == [None]
    assert observed.misbehaved == []


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_watched(observed: Observed, identifier: str) -> None:
    """An engine of a scenario's own tells of the fault when it answers a ClientHello, whatever that asks for."""
    role = observed.roles.role(identifier)
    engine = role.watched_engine(IMAPS, observed.misbehave)
    engine.decrypted()
    assert observed.misbehaved == []
    engine.receive(_hello("expired.lab.test"))
    engine.outgoing()
    assert observed.misbehaved == (_told(identifier, role) if identifier in IN_HANDSHAKE else [])


@pytest.mark.parametrize("identifier", ["expired", "tls-v1-0"])
def test_garbage_meets_nothing(observed: Observed, identifier: str) -> None:
    """A client that does not speak TLS has not been shown the fault."""
    engine = observed.roles.role(identifier).watched_engine(IMAPS, observed.misbehave)
    engine.receive(b"EHLO in clear on the wrong port\r\n")
    engine.decrypted()
    assert observed.misbehaved == []


class Refusing(StalledEngine):
    """An engine that has nothing in common with any client."""

    intended = False

    def decrypted(self) -> bytes:
        """Fail."""
        self.failure = TlsFailure(reason="no suitable signature algorithm", intended=self.intended)
        return b""


class Meaning(Refusing):
    """One that means to have nothing in common."""

    intended = True


@pytest.mark.parametrize(
    ("identifier", "engine", "meant", "met"),
    [
        ("expired", Answering, True, True),
        ("expired", Answering, False, False),
        ("expired", StalledEngine, True, False),
        ("expired", Refusing, True, False),
        ("expired", Meaning, True, True),
        ("tls-v1-0", Refusing, True, True),
    ],
)
def test_who_meets_it(
    building: Building, identifier: str, engine: type[StalledEngine], *, meant: bool, met: bool
) -> None:
    """A client that cannot be shown a certificate has not met it; one that cannot take a version has met just that."""
    roles = Roles(
        catalogue=CATALOGUE,
        access=building.access(),
        backends=building.backends(),
        make_answers=lambda _, __: lambda ___: Answer(engine=engine(), meant=meant),
        account="",
        seed="roles",
    )
    told: list[str] = []
    watched = roles.role(identifier).watched_engine(IMAPS, lambda scenario, _: told.append(scenario))
    watched.receive(_hello("expired.lab.test"))
    watched.decrypted()
    watched.outgoing()
    assert told == [identifier] * met


def test_a_failed_engine_does_nothing(building: Building) -> None:
    """What cannot be served has not misbehaved."""
    roles = Roles(
        catalogue=CATALOGUE,
        access=building.access(),
        backends=building.backends(),
        make_answers=lambda _, __: always(lambda: FailedEngine("not here")),
        account="",
        seed="roles",
    )
    told: list[str] = []
    engine = roles.good_engine(IMAPS, lambda scenario, _: told.append(scenario), lambda _: None)
    engine.receive(_hello("expired.lab.test"))
    engine.decrypted()
    assert told == []
    assert engine.failure is not None


def test_conditions_of_a_handshake(observed: Observed) -> None:
    """What is wrong with every second handshake of a place is told of those, and presented to those."""
    link = TlsVersion(version="TLSv1", when=When(nth=Nth("every 2"), scope=Scope.LEASE))
    role = replace(observed.roles.role("tls-v1-0"), chain=Chain([link])).leased()
    for _ in range(4):
        engine = role.watched_engine(IMAPS, observed.misbehave)
        engine.receive(_hello("localhost"))
    old = Presentation(minimum="TLSv1", maximum="TLSv1")
    assert [visit.presentation for visit in observed.visits] == [AS_USUAL, old, AS_USUAL, old]
    assert observed.misbehaved == [("tls-v1-0", "tls-version")] * 2


def test_the_session_s_own_moment(observed: Observed) -> None:
    """A session that there is already counts its own handshake; nobody else's session is counted for it."""
    role = replace(observed.roles.role("tls-v1-0"), chain=Chain([TlsVersion(version="TLSv1", when=When(nth=Nth("2")))]))
    moment = role.moment(IMAPS)
    for _ in range(2):
        engine = role.watched_engine(IMAPS, observed.misbehave, lambda whose: moment if whose is role else None)
        engine.receive(_hello("localhost"))
    assert observed.misbehaved == [("tls-v1-0", "tls-version")]
    assert role.memories.sessions == 1


def test_a_client_that_cannot_meet_it(observed: Observed) -> None:
    """Who offers no protocol is not answered with one, and has met nothing."""
    role = replace(observed.roles.role("tls-v1-0"), chain=Chain([TlsAlpn(protocol="h2")]))
    for protocols in ((), ("imap",)):
        engine = role.watched_engine(IMAPS, observed.misbehave)
        engine.receive(of_ssl("localhost", protocols=protocols))
    assert [visit.presentation.alpn for visit in observed.visits] == [None, "h2"]
    assert observed.misbehaved == [("tls-v1-0", "tls-alpn")]


def test_the_good_role_is_honest(observed: Observed) -> None:
    """The good server lies in nothing."""
    assert not observed.roles.good.chain
    assert not observed.roles.good.in_handshake
