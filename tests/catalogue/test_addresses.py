"""Claims about where scenarios are: one loopback address each that never moves, and names that DNS would compare."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from labserver.catalogue.addresses import addresses, host_names, hosts_entries, scenario_named
from labserver.catalogue.entries import CATALOGUE

MANY = [f"scenario-{number}" for number in range(2000)]


def test_places() -> None:
    """Each scenario has an address of its own, which looks like a host's."""
    places = addresses(MANY)
    assert set(places) == set(MANY)
    assert len(set(places.values())) == len(MANY)
    for place in places.values():
        assert ip_address(place) in ip_network("127.66.0.0/16")
        assert not place.endswith((".0", ".255"))


def test_places_stay() -> None:
    """An entry more moves none of those before it, though by now some wanted the same place."""
    assert addresses(MANY[:1000]).items() <= addresses(MANY).items()
    wanted = [addresses([name])[name] for name in MANY]
    assert len(set(wanted)) < len(wanted), "there were collisions to be resolved"


@pytest.mark.parametrize(
    ("identifier", "place"), [("good", "127.66.119.14"), ("expired", "127.66.250.100"), ("tls-v1-0", "127.66.15.55")]
)
def test_places_are_known(identifier: str, place: str) -> None:
    """Addresses are the same in every run and every version: people write them into /etc/hosts."""
    assert addresses()[identifier] == place


@pytest.mark.parametrize("identifier", CATALOGUE)
def test_names(identifier: str) -> None:
    """A scenario's names lead back to it, however they are spelled, if they are below the lab's domains."""
    ours = identifier if "{lab}" in CATALOGUE[identifier].host else None
    for name in host_names(identifier):
        assert scenario_named(name) == ours
        assert scenario_named(f"{name.upper().rstrip('.')}.") == ours


@pytest.mark.parametrize(
    ("host", "names", "entries"),
    [
        ("{id}.{lab}", ("x.lab.test", "x.lab.localhost"), ("x.lab.test", "x.lab.localhost")),
        ("a.{id}.{lab}", ("a.x.lab.test", "a.x.lab.localhost"), ("a.x.lab.test", "a.x.lab.localhost")),
        (
            "{id}.{lab}.",
            ("x.lab.test.", "x.lab.localhost."),
            ("x.lab.test.", "x.lab.test", "x.lab.localhost.", "x.lab.localhost"),
        ),
        ("{id}.test", ("x.test",), ("x.test",)),
        ("{id}", ("x",), ("x",)),
        ("localhost", ("localhost",), ()),
        ("127.0.0.1", ("127.0.0.1",), ()),
        ("::1", ("::1",), ()),
    ],
)
def test_hosts(host: str, names: tuple[str, ...], entries: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario's host may be another; what means this host everywhere is in no hosts file, and nobody's name."""
    monkeypatch.setitem(CATALOGUE.written, "x", replace(CATALOGUE["expired"], id="x", host=host))
    assert (host_names("x"), hosts_entries("x")) == (names, entries)
    ours = "x" if "{lab}" in host else None
    assert {scenario_named(name) for name in names} == {ours}
    assert CATALOGUE["x"].by_name is (ours is not None)
    assert scenario_named("x.lab.test") == (ours if "x.lab.test" in entries else None)


@pytest.mark.parametrize(
    "name",
    ["", "good", "lab.test", "nonesuch.lab.test", "good.lab.example", "x.good.lab.test", "good.lab.test.example"],
)
def test_no_names(name: str) -> None:
    """Any other name is nobody's."""
    assert scenario_named(name) is None
