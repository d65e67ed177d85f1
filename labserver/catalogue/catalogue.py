"""The catalogue: a value that knows the place of every scenario, and reads a scenario when somebody asks for it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.places import Place, has_address
from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean
from labserver.scenario import DOMAINS
from labserver.tables import TableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.scenario import Scenario
    from labserver.tables import Document

__all__ = ["Catalogue"]


class Catalogue(Mapping[str, "Scenario"]):
    """Every scenario by its id, in the order in which they are shown.

    ``index`` returns the places, and ``load`` the scenarios of one file; each is called once at most, and not before
    somebody asks for what only it knows. A catalogue that nobody asks for anything costs nothing, however large it is.
    """

    def __init__(self, index: Callable[[], Mapping[str, Place]], load: Callable[[str], Mapping[str, Scenario]]) -> None:
        self._index = index
        self._load = load
        self._read: dict[str, Mapping[str, Scenario]] = {}
        self._places: Mapping[str, Place] | None = None
        self._by_address: dict[str, str] | None = None

    @property
    def places(self) -> Mapping[str, Place]:
        """Where each scenario is."""
        if self._places is None:
            self._places = self._index()
        return self._places

    def __getitem__(self, identifier: str) -> Scenario:
        """Return the scenario; raises KeyError if there is none."""
        return self._of(self.places[identifier].file)[identifier]

    def _of(self, file: str) -> Mapping[str, Scenario]:
        if file not in self._read:
            self._read[file] = self._load(file)
        return self._read[file]

    def __contains__(self, identifier: object) -> bool:
        """Return whether there is such a scenario; none is read for it."""
        return identifier in self.places

    def __iter__(self) -> Iterator[str]:
        """Yield every id."""
        return iter(self.places)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.places)

    @property
    def default(self) -> dict[str, Scenario]:
        """Those that ``labserver check`` runs without being asked."""
        return {identifier: scenario for identifier, scenario in self.items() if scenario.default}

    def address(self, identifier: str) -> str:
        """Return a scenario's address; empty if it has none. Raises KeyError if there is no such scenario."""
        return self.places[identifier].address

    def file_of(self, identifier: str) -> str:
        """Return the path of the user's file that a scenario is in; empty for one of ours."""
        file = self.places[identifier].file
        return file if Path(file).is_absolute() else ""

    def at(self, address: str) -> str | None:
        """Return the id of the scenario at an address; None if there is none."""
        if not has_address(address):
            return None
        if self._by_address is None:
            self._by_address = {place.address: identifier for identifier, place in self.places.items() if place.address}
        return self._by_address.get(address)

    def named(self, host: str) -> str | None:
        """Return the id of the scenario whose name ``host`` is; None if it is no scenario's.

        Names outside the lab's domains are never looked up: their scenarios have an address and leases, and the many
        connections that ask for the lab itself read nothing.
        """
        name = host.lower().rstrip(".")
        for domain in DOMAINS:
            below = name.removesuffix(f".{domain}")
            identifier = below.rpartition(".")[2]
            if below != name and identifier in self and name in self[identifier].hosts_entries:
                return identifier
        return None

    def joined(self, document: Document, scenarios: Mapping[str, Scenario]) -> Catalogue:
        """Return a catalogue with the scenarios of a user's file more, which have no address.

        Raises ConfigurationError if one of them has the id of another.
        """
        file = str(Path(document.name).absolute())  # no name of ours is one
        for identifier in scenarios:
            if identifier in self:
                taken = TableError((identifier,), f"this id is taken by {self.places[identifier].file}; choose another")
                raise document.mistake(taken)
        return self.with_others(file, scenarios)

    def with_others(self, source: str, scenarios: Mapping[str, Scenario]) -> Catalogue:
        """Return a catalogue with other scenarios, which have no address; ``source`` is what no file is called."""
        mine = dict.fromkeys(scenarios, Place("", source))
        return Catalogue(lambda: {**self.places, **mine}, lambda name: scenarios if name == source else self._of(name))

    def unknown(self, identifier: str) -> str:
        """Return what to say of an id that no scenario has."""
        return f"unknown scenario {identifier}{did_you_mean(identifier, self) or ';'} labserver scenarios lists them"

    def matching(self, glob: str) -> list[str]:
        """Return the ids that match a glob; raises ConfigurationError if there is none."""
        found = fnmatch.filter(self, glob)
        if not found:
            raise ConfigurationError(f"--scenario {glob}: {self.unknown(glob)}")
        return found
