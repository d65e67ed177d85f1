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
from labserver.session.casting import Casting, Role
from labserver.session.presenting import Answer, Visit, always
from labserver.tls.engine import TlsFailure
from labserver.tls.failed import FailedEngine
from labserver.tls.stalled import StalledEngine
from tests.ours import CATALOGUE
from tests.tls.hello import Parts, of_ssl, records

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Cast:
    """A casting, and whose engines it had made."""

    def __init__(self, building: Building) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.made: list[str | None] = []
        self.visits: list[Visit] = []
        self.misbehaved: list[tuple[str, str]] = []
        self.casting = Casting(
            catalogue=CATALOGUE,
            access=building.access(),
            backends=building.backends(),
            make_answers=self._answers,
            account="alice",
            seed="casting",
        )

    def _answers(self, identifier: str | None, certificate: str) -> Callable[[Visit], Answer]:
        self.asked.append((identifier, certificate))

        def answer(visit: Visit) -> Answer:
            self.made.append(identifier)
            self.visits.append(visit)
            return Answer(engine=Answering(), good=certificate == "rsa2048")

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
def cast(building: Building) -> Cast:
    """Return a casting that nobody has asked for anything."""
    return Cast(building)


def test_nothing_is_made_before_it_is_needed(cast: Cast) -> None:
    """At first there is the good server alone, and no engine of it."""
    assert {identifier for identifier, _ in cast.asked} == {None}
    assert cast.made == []


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_role(cast: Cast, identifier: str) -> None:
    """A role has its scenario's chain and account, is made once, and is met at the scenario's address."""
    role = cast.casting.role(identifier)
    scenario = CATALOGUE[identifier]
    assert role.scenario == identifier
    assert role.account == "alice"
    assert cast.casting.role(identifier) is role is cast.casting.at(CATALOGUE.address(identifier))
    assert role.access.cleartext == role.access.bait == scenario.server.permissive
    assert (role.access.requested or frozenset()) == set(scenario.server.mechanisms)
    assert role.chain == scenario.chain
    assert role.maker(SERVICES["imap"]) is role.maker(SERVICES["imap"])


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_control(cast: Cast, identifier: str) -> None:
    """A control is the scenario without the fault where it has one, under the scenario's name."""
    role, scenario = cast.casting.role(identifier, control=True), CATALOGUE[identifier]
    assert role is not cast.casting.role(identifier)
    assert role.scenario == identifier
    assert role.chain == scenario.control_chain


def test_no_such_role(cast: Cast) -> None:
    """There are no other roles."""
    with pytest.raises(KeyError):
        cast.casting.role("nonesuch")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.66.0.1", "192.0.2.1", ""])
def test_anywhere_else(cast: Cast, address: str) -> None:
    """At any other address the good server is met, with the lab's own certificate."""
    assert cast.casting.at(address) is cast.casting.good
    cast.casting.good.engine()
    assert cast.made == [None]


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_named(cast: Cast, identifier: str) -> None:
    """By name only those are met whose fault comes after the ClientHello."""
    for name in CATALOGUE[identifier].host_names:
        role = cast.casting.named(name, SERVICES["submission"])
        assert (role is None) is (identifier not in BY_NAME)
        assert role is None or role.scenario == identifier


@pytest.mark.parametrize("identifier", IN_HANDSHAKE)
def test_chosen_by_the_hello(cast: Cast, identifier: str) -> None:
    """The good server's engine becomes the other's when the ClientHello asks for it, and the fault is told once."""
    engine = cast.casting.good_engine(IMAPS, cast.misbehave, lambda _: None)
    assert cast.made == []
    engine.receive(_hello(CATALOGUE[identifier].host_names[0]))
    for _ in range(2):
        engine.decrypted()
    told = _told(identifier, cast.casting.role(identifier))
    assert cast.misbehaved == [one for one in told if one[1] != "certificate"]
    for _ in range(2):
        engine.outgoing()
        assert cast.misbehaved == told
    assert cast.made == [identifier]


def test_with_implicit_tls_the_dialogue_is_chosen_by_the_hello(cast: Cast) -> None:
    """A scenario whose fault lies in the dialogue is met by its name where all of that comes after the ClientHello."""
    become: list[Role] = []
    for service in ("imaps", "submission"):
        engine = cast.casting.good_engine(SERVICES[service], cast.misbehave, become.append)
        engine.receive(_hello("auth-rejected.lab.test"))
        engine.decrypted()
    assert [role.scenario for role in become] == ["auth-rejected"]
    assert cast.made == ["auth-rejected", None]


@pytest.mark.parametrize("name", ["", "localhost", "nonesuch.lab.test", "starttls-stripped.lab.test"])
def test_not_chosen(cast: Cast, name: str) -> None:
    """Any other name, or none, leaves the good server's engine, and nothing misbehaved."""
    engine = cast.casting.good_engine(IMAPS, cast.misbehave, lambda _: None)
    engine.receive(_hello(name))
    engine.decrypted()
    assert cast.made == [None]
    assert cast.misbehaved == []


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_watched(cast: Cast, identifier: str) -> None:
    """An engine of a scenario's own tells of the fault when it answers a ClientHello, whatever that asks for."""
    role = cast.casting.role(identifier)
    engine = role.watched_engine(IMAPS, cast.misbehave)
    engine.decrypted()
    assert cast.misbehaved == []
    engine.receive(_hello("expired.lab.test"))
    engine.outgoing()
    assert cast.misbehaved == (_told(identifier, role) if identifier in IN_HANDSHAKE else [])


@pytest.mark.parametrize("identifier", ["expired", "tls-v1-0"])
def test_garbage_meets_nothing(cast: Cast, identifier: str) -> None:
    """A client that does not speak TLS has not been shown the fault."""
    engine = cast.casting.role(identifier).watched_engine(IMAPS, cast.misbehave)
    engine.receive(b"EHLO in clear on the wrong port\r\n")
    engine.decrypted()
    assert cast.misbehaved == []


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
    casting = Casting(
        catalogue=CATALOGUE,
        access=building.access(),
        backends=building.backends(),
        make_answers=lambda _, __: lambda ___: Answer(engine=engine(), meant=meant),
        account="",
        seed="casting",
    )
    told: list[str] = []
    watched = casting.role(identifier).watched_engine(IMAPS, lambda scenario, _: told.append(scenario))
    watched.receive(_hello("expired.lab.test"))
    watched.decrypted()
    watched.outgoing()
    assert told == [identifier] * met


def test_a_failed_engine_does_nothing(building: Building) -> None:
    """What cannot be served has not misbehaved."""
    casting = Casting(
        catalogue=CATALOGUE,
        access=building.access(),
        backends=building.backends(),
        make_answers=lambda _, __: always(lambda: FailedEngine("not here")),
        account="",
        seed="casting",
    )
    told: list[str] = []
    engine = casting.good_engine(IMAPS, lambda scenario, _: told.append(scenario), lambda _: None)
    engine.receive(_hello("expired.lab.test"))
    engine.decrypted()
    assert told == []
    assert engine.failure is not None


def test_conditions_of_a_handshake(cast: Cast) -> None:
    """What is wrong with every second handshake of a place is told of those, and presented to those."""
    link = TlsVersion(version="TLSv1", when=When(nth=Nth("every 2"), scope=Scope.LEASE))
    role = replace(cast.casting.role("tls-v1-0"), chain=Chain([link])).leased()
    for _ in range(4):
        engine = role.watched_engine(IMAPS, cast.misbehave)
        engine.receive(_hello("localhost"))
    old = Presentation(minimum="TLSv1", maximum="TLSv1")
    assert [visit.presentation for visit in cast.visits] == [AS_USUAL, old, AS_USUAL, old]
    assert cast.misbehaved == [("tls-v1-0", "tls-version")] * 2


def test_the_session_s_own_moment(cast: Cast) -> None:
    """A session that there is already counts its own handshake; nobody else's session is counted for it."""
    role = replace(cast.casting.role("tls-v1-0"), chain=Chain([TlsVersion(version="TLSv1", when=When(nth=Nth("2")))]))
    moment = role.moment(IMAPS)
    for _ in range(2):
        engine = role.watched_engine(IMAPS, cast.misbehave, lambda whose: moment if whose is role else None)
        engine.receive(_hello("localhost"))
    assert cast.misbehaved == [("tls-v1-0", "tls-version")]
    assert role.memories.sessions == 1


def test_a_client_that_cannot_meet_it(cast: Cast) -> None:
    """Who offers no protocol is not answered with one, and has met nothing."""
    role = replace(cast.casting.role("tls-v1-0"), chain=Chain([TlsAlpn(protocol="h2")]))
    for protocols in ((), ("imap",)):
        engine = role.watched_engine(IMAPS, cast.misbehave)
        engine.receive(of_ssl("localhost", protocols=protocols))
    assert [visit.presentation.alpn for visit in cast.visits] == [None, "h2"]
    assert cast.misbehaved == [("tls-v1-0", "tls-alpn")]


def test_the_good_role_is_honest(cast: Cast) -> None:
    """The good server lies in nothing."""
    assert not cast.casting.good.chain
    assert not cast.casting.good.in_handshake
