"""The catalogue that the lab comes with, for tests that are about its entries; and others made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.catalogue.catalogue import Catalogue
from labserver.catalogue.places import Place, free_address
from labserver.catalogue.shipped import RECIPES, shipped_catalogue

if TYPE_CHECKING:
    from labserver.scenario import Scenario

__all__ = ["CATALOGUE", "catalogue_with", "from_recipes", "written"]

CATALOGUE = shipped_catalogue()
"""One for all tests; nobody can change it."""


def from_recipes() -> dict[str, Scenario]:
    """Return the scenarios that are made from certificate recipes."""
    return {name: CATALOGUE[name] for name, place in CATALOGUE.places.items() if place.file.startswith(RECIPES)}


def written() -> dict[str, Scenario]:
    """Return those that are not."""
    return {name: CATALOGUE[name] for name, place in CATALOGUE.places.items() if not place.file.startswith(RECIPES)}


def catalogue_with(*scenarios: Scenario) -> Catalogue:
    """Return our catalogue with others in it, those with an id of ours in their places."""
    others = {scenario.id: scenario for scenario in scenarios}
    places = dict(CATALOGUE.places)
    taken = {place.address for place in places.values()}
    for name in others:
        address = places[name].address if name in places else free_address(name, taken)
        taken.add(address)
        places[name] = Place(address, "others")

    def load(file: str) -> dict[str, Scenario]:
        return others if file == "others" else {name: CATALOGUE[name] for name, at in places.items() if at.file == file}

    return Catalogue(lambda: places, load)
