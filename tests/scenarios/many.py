"""Generated scenarios, as many as a finished catalogue may have: copies of real ones under ids of their own.

No recipe is read for them, since what they are for is to see that a lab does without.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

from labserver.catalogue.entries import CATALOGUE
from labserver.facets.bundle import Facets
from labserver.facets.certificate import RecipeCertificate

if TYPE_CHECKING:
    from labserver.scenario import Scenario

__all__ = ["generated"]


def generated(count: int) -> dict[str, Scenario]:
    """Return so many scenarios beside the real ones, under ids of their own."""
    real = [scenario for scenario in CATALOGUE.written.values() if scenario.id != "good"]
    real += [
        replace(CATALOGUE["good-trustme"], id=recipe, facets=Facets(certificate=RecipeCertificate(recipe=recipe)))
        for recipe in ("expired", "self-signed", "untrusted-root")
    ]
    copies = (
        replace(scenario, id=f"{scenario.id}-{number}") for number, scenario in enumerate(islice(cycle(real), count))
    )
    return {scenario.id: scenario for scenario in copies}
