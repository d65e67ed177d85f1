"""The catalogue: all entries in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from labserver.catalogue import authentication, good, starttls, tls

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


CATALOGUE = Catalogue(
    *good.SCENARIOS,
    *tls.SCENARIOS,
    *starttls.SCENARIOS,
    *authentication.SCENARIOS,
)
