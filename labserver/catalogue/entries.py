"""The catalogue: all entries in the order in which they are shown."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import TYPE_CHECKING

from labserver.catalogue import authentication, good, starttls, tls
from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.scenario import Scenario

__all__ = ["CATALOGUE", "Catalogue"]


class Catalogue(Mapping[str, "Scenario"]):
    """Every scenario by its id. Those made from recipes are read when somebody asks for one, or for all."""

    def __init__(self, *written: Scenario) -> None:
        self.written = {scenario.id: scenario for scenario in written}
        """Those that are not made from recipes."""
        self._forged: dict[str, Scenario] | None = None

    def __getitem__(self, identifier: str) -> Scenario:
        """Return the scenario; raises KeyError if there is none."""
        found = self.written.get(identifier)
        return self.forged[identifier] if found is None else found

    def __iter__(self) -> Iterator[str]:
        """Yield every id."""
        yield from self.written
        yield from self.forged

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.written) + len(self.forged)

    @property
    def default(self) -> dict[str, Scenario]:
        """Those that ``labserver check`` runs without being asked."""
        return {identifier: scenario for identifier, scenario in self.items() if scenario.default}

    @property
    def forged(self) -> dict[str, Scenario]:
        """Those made from certificate recipes."""
        if self._forged is None:
            from labserver.catalogue.forged import forged_scenarios  # noqa: PLC0415 -- start-up needs none of them

            self._forged = forged_scenarios()
        return self._forged

    def unknown(self, identifier: str) -> str:
        """Return what to say of an id that no scenario has."""
        return f"unknown scenario {identifier}{did_you_mean(identifier, self) or ';'} labserver scenarios lists them"

    def matching(self, glob: str) -> list[str]:
        """Return the ids that match a glob; raises ConfigurationError if there is none."""
        found = [identifier for identifier in self if fnmatch.fnmatchcase(identifier, glob)]
        if not found:
            raise ConfigurationError(f"--scenario {glob}: {self.unknown(glob)}")
        return found


CATALOGUE = Catalogue(
    *good.SCENARIOS,
    *tls.SCENARIOS,
    *starttls.SCENARIOS,
    *authentication.SCENARIOS,
)
