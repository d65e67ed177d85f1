"""Claims about where scenarios are: one loopback address each that never moves, and names that DNS would compare."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from labserver.catalogue.places import Place, free_address, places
from labserver.catalogue.shipped import PLACES, RECIPES
from labserver.pki.recipe_files import all_recipes
from tests.catalogue.appended import missing_lines
from tests.ours import CATALOGUE, catalogue_with
from tests.patience import PATIENCE

MANY = [f"scenario-{number}" for number in range(2000)]
LINES = PLACES.read_text(encoding="ascii").splitlines()
PINNED = {
    415: "4287bf8d1efa6939aef761999885192f6fdb695f666d401183fb5cdb29ba1d39",
    630: "1f44b3f4f6a04f7cc685793087991b444e1924bdeb5e9d7f6fa7a18ba0c4c1b9",
}
"""SHA-256 of so many first lines. Lines may be added here when some have been appended; none is ever changed."""


def test_nothing_moves() -> None:
    """Lines are only ever appended: people write addresses into /etc/hosts, and ids into scripts."""
    for count, digest in PINNED.items():
        kept = "".join(f"{line}\n" for line in LINES[:count])
        assert hashlib.sha256(kept.encode()).hexdigest() == digest, (
            f"the first {count} lines of labserver/catalogue/places have changed: put them back, and append new ones"
        )


def test_every_entry_has_a_line() -> None:
    """Each entry of a file has its line, and each line its entry."""
    assert missing_lines() == [], (
        "entries without a line in labserver/catalogue/places; python -m tests.catalogue.appended appends these"
    )
    assert all(CATALOGUE[identifier].id == identifier for identifier in CATALOGUE)


def test_one_place_each() -> None:
    """No id has two lines, no address two ids, and an address looks like a host's in the network."""
    rows = [line.split() for line in LINES]
    assert len({identifier for identifier, _, _ in rows}) == len(rows) == len(CATALOGUE)
    twice = [address for address, count in Counter(address for _, address, _ in rows).items() if count > 1]
    assert twice == [], "two scenarios at one address: leave the older one, and give the other a free one"
    for _, address, _ in rows:
        assert ip_address(address) in ip_network("127.66.0.0/16")
        assert not address.endswith((".0", ".255"))


def test_order() -> None:
    """Entries of a file stand together where its first one is, whenever they were appended."""
    lines = ["a 127.66.1.1 x.toml", "b 127.66.1.2 y.toml", "c 127.66.1.3 x.toml"]
    assert list(places(lines).items()) == [
        ("a", Place("127.66.1.1", "x.toml")),
        ("c", Place("127.66.1.3", "x.toml")),
        ("b", Place("127.66.1.2", "y.toml")),
    ]


def test_free_addresses() -> None:
    """A new scenario gets an address that nobody has, though by now some want the same one."""
    taken: set[str] = set()
    for name in MANY:
        address = free_address(name, taken)
        assert address not in taken
        assert ip_address(address) in ip_network("127.66.0.0/16")
        assert not address.endswith((".0", ".255"))
        taken.add(address)
    assert len({free_address(name, ()) for name in MANY}) < len(MANY), "there were collisions to be resolved"


def test_no_address_is_left() -> None:
    """Where all are taken, that is said."""

    class All:
        def __contains__(self, _: object) -> bool:
            return True

    with pytest.raises(ValueError, match="no address is left"):
        free_address("x", All())


def test_append(tmp_path: Path) -> None:
    """The tool appends what is missing to a file and changes no line of it; run again, it appends nothing."""
    path = tmp_path / "places"
    path.write_text("".join(f"{line}\n" for line in LINES[:-2]))
    for _ in range(2):
        command = [sys.executable, "-m", "tests.catalogue.appended", str(path)]
        subprocess.run(command, timeout=PATIENCE, check=True, cwd=Path(__file__).parents[2])
        appended = path.read_text().splitlines()
        assert appended[:-2] == LINES[:-2]
        assert sorted(appended[-2:]) == sorted(LINES[-2:]), "in the order of files, which is not that of their making"


@pytest.mark.parametrize(
    ("identifier", "place"), [("good", "127.66.119.14"), ("expired", "127.66.250.100"), ("tls-v1-0", "127.66.15.55")]
)
def test_places_are_known(identifier: str, place: str) -> None:
    """Addresses are the same in every run and every version, and lead to their scenarios."""
    assert CATALOGUE.address(identifier) == place
    assert CATALOGUE.at(place) == identifier


@pytest.mark.parametrize("address", ["127.0.0.1", "127.66.0.1", "::1", ""])
def test_nobody_is_there(address: str) -> None:
    """At any other address there is no scenario."""
    assert CATALOGUE.at(address) is None


def test_recipes_are_in_their_files() -> None:
    """A recipe's line names the file that has it."""
    files = {name: place.file for name, place in CATALOGUE.places.items()}
    assert {name: f"recipes/{spec.topic}.toml" for name, spec in all_recipes().items()}.items() <= files.items()


@pytest.mark.parametrize("identifier", CATALOGUE)
def test_names(identifier: str) -> None:
    """A scenario's names lead back to it, however they are spelled, if they are below the lab's domains."""
    ours = identifier if "{lab}" in CATALOGUE[identifier].host else None
    for name in CATALOGUE[identifier].host_names:
        assert CATALOGUE.named(name) == ours
        assert CATALOGUE.named(f"{name.upper().rstrip('.')}.") == ours


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
def test_hosts(host: str, names: tuple[str, ...], entries: tuple[str, ...]) -> None:
    """A scenario's host may be another; what means this host everywhere is in no hosts file, and nobody's name."""
    scenario = replace(CATALOGUE["expired"], id="x", host=host)
    assert (scenario.host_names, scenario.hosts_entries) == (names, entries)
    ours = "x" if "{lab}" in host else None
    assert scenario.by_name is (ours is not None)
    catalogue = catalogue_with(scenario)
    assert {catalogue.named(name) for name in names} == {ours}
    assert catalogue.named("x.lab.test") == (ours if "x.lab.test" in entries else None)


@pytest.mark.parametrize(
    "name",
    ["", "good", "lab.test", "nonesuch.lab.test", "good.lab.example", "x.good.lab.test", "good.lab.test.example"],
)
def test_no_names(name: str) -> None:
    """Any other name is nobody's."""
    assert CATALOGUE.named(name) is None


def test_packaged() -> None:
    """A wheel has the places and every file that they name."""
    root = PLACES.parents[2]
    packaged = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    files = {place.file for place in CATALOGUE.places.values()}
    wanted = {f"labserver/{name}" if name.startswith(RECIPES) else f"labserver/catalogue/{name}" for name in files}
    assert {"labserver/catalogue/places", *wanted} <= packaged
