"""Where a scenario is met on this machine: a wrong answer would let a test pass against the known-good server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from labserver.cli.meeting import Meeting, meeting
from labserver.errors import ConfigurationError
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

PORTS = {"imap": 3143, "imaps": 3993}
OWN = {"imap": 50143, "imaps": 50993}


def _record(*opened: str, host: str = "127.0.0.1") -> dict[str, object]:
    return {"host": host, "ports": PORTS, "scenarios": [{"id": one, "ports": OWN} for one in opened]}


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[str]]], None]:
    """Return what decides to which addresses names lead; all others lead nowhere."""

    def decide(known: dict[str, list[str]]) -> None:
        def resolve(name: str, *_: object, **__: object) -> list[tuple[object, object, object, str, tuple[str, int]]]:
            if name not in known:
                raise socket.gaierror(-2, "Name or service not known")
            return [(0, 0, 0, "", (address, 0)) for address in known[name]]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return decide


@pytest.mark.parametrize(
    ("identifier", "known", "host", "server_name"),
    [
        ("expired", {"expired.lab.test": ["127.0.0.1"]}, "127.0.0.1", "expired.lab.test"),
        ("expired", {"expired.lab.test": ["{address}"]}, "127.0.0.1", "expired.lab.test"),
        ("expired", {"expired.lab.localhost": ["127.0.0.1", "::1"]}, "127.0.0.1", "expired.lab.localhost"),
        ("expired", {}, "{address}", "{address}"),
        ("expired", {"expired.lab.test": ["192.0.2.1"]}, "{address}", "{address}"),
        ("expired", {"expired.lab.test": ["127.0.0.1", "192.0.2.1"]}, "{address}", "{address}"),
        ("starttls-stripped", {"starttls-stripped.lab.test": ["{address}"]}, "{address}", "starttls-stripped.lab.test"),
        ("starttls-stripped", {"starttls-stripped.lab.test": ["127.0.0.1"]}, "{address}", "{address}"),
        ("starttls-stripped", {"starttls-stripped.lab.localhost": ["127.0.0.1", "::1"]}, "{address}", "{address}"),
        ("starttls-stripped", {}, "{address}", "{address}"),
        ("localhost", {"localhost": ["127.0.0.1"]}, "{address}", "{address}"),
        ("ip-san", {"127.0.0.1": ["127.0.0.1"]}, "{address}", "{address}"),
    ],
)
def test_by_name_or_address(
    identifier: str,
    known: dict[str, list[str]],
    host: str,
    server_name: str,
    resolving: Callable[[dict[str, list[str]]], None],
) -> None:
    """A name that leads to the scenario is told; where none does the address, and standard error says why."""
    address = CATALOGUE.address(identifier)
    resolving({name: [one.format(address=address) for one in found] for name, found in known.items()})
    found = meeting(_record(), CATALOGUE[identifier], CATALOGUE.address(identifier))
    assert (found.host, found.server_name) == (host.format(address=address), server_name.format(address=address))
    assert found.ports == PORTS
    assert bool(found.note) is (found.server_name == address)
    assert address in (found.note or address)


@pytest.mark.parametrize("identifier", CATALOGUE)
def test_never_the_good_server(identifier: str, resolving: Callable[[dict[str, list[str]]], None]) -> None:
    """Where nothing is resolved, no scenario is met at the known-good server's place."""
    resolving({})
    found = meeting(_record(), CATALOGUE[identifier], CATALOGUE.address(identifier))
    assert found == Meeting(host=found.host, server_name=found.host, ports=PORTS, note=found.note)
    assert found.host == CATALOGUE.address(identifier)


@pytest.mark.parametrize(
    ("identifier", "place", "noted"),
    [("expired", "localhost", True), ("localhost", "localhost", False), ("ip-san", "127.0.0.1", False)],
)
def test_by_port(
    identifier: str,
    place: str,
    noted: bool,  # noqa: FBT001 -- a table's column
    resolving: Callable[[dict[str, list[str]]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where loopback has one address, it is met on the ports that --scenario gave it; without them that is said."""
    resolving({})
    monkeypatch.delattr(socket, "SO_BINDTODEVICE", raising=False)
    found = meeting(_record("deep", identifier), CATALOGUE[identifier], CATALOGUE.address(identifier))
    assert (found.server_name, found.ports, bool(found.note)) == (place, OWN, noted)
    with pytest.raises(ConfigurationError, match=f"labserver up --scenario {identifier} gives it ports"):
        meeting(_record("deep"), CATALOGUE[identifier], CATALOGUE.address(identifier))


def test_another_address(resolving: Callable[[dict[str, list[str]]], None]) -> None:
    """A lab that does not listen on 127.0.0.1 has no addresses for scenarios."""
    resolving({})
    with pytest.raises(ConfigurationError, match="nothing here leads to expired"):
        meeting(_record(host="::1"), CATALOGUE["expired"], CATALOGUE.address("expired"))
