"""The catalogue that the lab comes with: entries of this package, and a scenario for each certificate recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.catalogue import Catalogue
from labserver.catalogue.places import places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.catalogue.places import Place
    from labserver.scenario import Scenario

__all__ = ["PLACES", "RECIPES", "shipped_catalogue"]

PLACES = Path(__file__).with_name("places")
"""The file that says where each scenario is."""
RECIPES = "recipes/"
"""How the name of a file begins that has recipes."""


def shipped_catalogue() -> Catalogue:
    """Return a new one, which has read nothing yet."""
    return Catalogue(_index, _load)


def _index() -> dict[str, Place]:
    return places(PLACES.read_text(encoding="ascii").splitlines())


def _load(file: str) -> Mapping[str, Scenario]:
    if file.startswith(RECIPES):
        from labserver.catalogue.forged import forged_scenarios  # noqa: PLC0415 -- start-up needs none of them

        return forged_scenarios(file.removeprefix(RECIPES).removesuffix(".toml"))
    from labserver.catalogue.loader import scenarios_of  # noqa: PLC0415 -- the same
    from labserver.tables import read_document  # noqa: PLC0415 -- the same

    return scenarios_of(read_document(PLACES.with_name(file)))
