"""Who plays what, without a socket: roles are made at the first use, and each from its own scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.facets.bundle import HONEST
from labserver.services import SERVICES
from labserver.session.casting import Casting, Role
from labserver.session.doubted import Doubted
from labserver.session.presenting import Answer, Visit, always
from labserver.tls.engine import TlsFailure
from labserver.tls.failed import FailedEngine
from labserver.tls.stalled import StalledEngine
from tests.ours import CATALOGUE
from tests.tls.hello import Parts, of_ssl, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.facets.handshake import Handshake
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
        self.misbehaved: list[tuple[str, str]] = []
        self.casting = Casting(
            catalogue=CATALOGUE,
            access=building.access(),
            backends=building.backends(),
            make_answers=self._answers,
            account="alice",
            seed="casting",
        )

    def _answers(self, identifier: str | None, certificate: str, _: Handshake) -> Callable[[Visit], Answer]:
        self.asked.append((identifier, certificate))

        def answer(_: Visit) -> Answer:
            self.made.append(identifier)
            return Answer(engine=Answering())

        return answer

    def misbehave(self, scenario: str, facet: str) -> None:
        """Take note."""
        self.misbehaved.append((scenario, facet))


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
    """A role has its scenario's facets and account, is made once, and is met at the scenario's address."""
    role = cast.casting.role(identifier)
    scenario = CATALOGUE[identifier]
    assert (role.persona.scenario, role.persona.facets) == (identifier, scenario.facets)
    assert role.persona.account == "alice"
    assert cast.casting.role(identifier) is role is cast.casting.at(CATALOGUE.address(identifier))
    assert role.access.cleartext == role.access.bait == scenario.facets.permissive
    assert role.access.requested == scenario.facets.authentication.mechanisms
    assert isinstance(role.access.credentials, Doubted) == scenario.facets.authentication.rejects
    assert role.maker(SERVICES["imap"]) is role.maker(SERVICES["imap"])


@pytest.mark.parametrize("identifier", CATALOGUE.default)
def test_control(cast: Cast, identifier: str) -> None:
    """A control is the scenario without the fault where it has one, under the scenario's name."""
    role, scenario = cast.casting.role(identifier, control=True), CATALOGUE[identifier]
    assert role is not cast.casting.role(identifier)
    assert role.persona.scenario == identifier
    assert role.persona.facets == (scenario.control or scenario.facets)


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
        assert role is None or role.persona.scenario == identifier


@pytest.mark.parametrize("identifier", IN_HANDSHAKE)
def test_chosen_by_the_hello(cast: Cast, identifier: str) -> None:
    """The good server's engine becomes the other's when the ClientHello asks for it, and the fault is told once."""
    engine = cast.casting.good_engine(IMAPS, cast.misbehave, lambda _: None)
    assert cast.made == []
    engine.receive(_hello(CATALOGUE[identifier].host_names[0]))
    for _ in range(2):
        engine.decrypted()
    facet = cast.casting.role(identifier).handshake_facet
    assert cast.misbehaved == ([(identifier, facet)] if facet == "handshake" else [])
    for _ in range(2):
        engine.outgoing()
        assert cast.misbehaved == [(identifier, facet)]
    assert cast.made == ([] if identifier == "handshake-stall" else [identifier])


def test_with_implicit_tls_the_dialogue_is_chosen_by_the_hello(cast: Cast) -> None:
    """A scenario whose fault lies in the dialogue is met by its name where all of that comes after the ClientHello."""
    become: list[Role] = []
    for service in ("imaps", "submission"):
        engine = cast.casting.good_engine(SERVICES[service], cast.misbehave, become.append)
        engine.receive(_hello("auth-rejected.lab.test"))
        engine.decrypted()
    assert [role.persona.scenario for role in become] == ["auth-rejected"]
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
    assert cast.misbehaved == ([(identifier, role.handshake_facet)] if identifier in IN_HANDSHAKE else [])


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
        make_answers=lambda _, __, ___: lambda ____: Answer(engine=engine(), meant=meant),
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
        make_answers=lambda _, __, ___: always(lambda: FailedEngine("not here")),
        account="",
        seed="casting",
    )
    told: list[str] = []
    engine = casting.good_engine(IMAPS, lambda scenario, _: told.append(scenario), lambda _: None)
    engine.receive(_hello("expired.lab.test"))
    engine.decrypted()
    assert told == []
    assert engine.failure is not None


def test_the_good_role_is_honest(cast: Cast) -> None:
    """The good server lies in nothing."""
    assert cast.casting.good.persona.facets == HONEST
    assert cast.casting.good.handshake_facet == ""
