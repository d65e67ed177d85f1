"""The catalogue that the lab comes with: entries of this package, and a scenario for each certificate recipe."""

from __future__ import annotations

import importlib
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
    stem = file.removeprefix(RECIPES).removesuffix(".toml")
    if file.startswith(RECIPES):
        from labserver.catalogue.forged import forged_scenarios  # noqa: PLC0415 -- start-up needs none of them

        return forged_scenarios(stem)
    module = importlib.import_module(f"labserver.catalogue.{stem}")
    return {scenario.id: scenario for scenario in module.SCENARIOS}
