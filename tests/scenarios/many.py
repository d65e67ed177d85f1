"""Generated scenarios, as many as a finished catalogue may have: copies of real ones under ids of their own.

No recipe is read for them, since what they are for is to see that a lab does without.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

from tests.ours import CATALOGUE, catalogue_with, written

if TYPE_CHECKING:
    from labserver.catalogue.catalogue import Catalogue

__all__ = ["with_generated"]


def with_generated(count: int) -> Catalogue:
    """Return our catalogue with so many scenarios more, under ids of their own."""
    real = [scenario for scenario in written().values() if scenario.id != "good"]
    real += [
        replace(CATALOGUE["good-trustme"], id=recipe, certificate=recipe)
        for recipe in ("expired", "self-signed", "untrusted-root")
    ]
    copies = (
        replace(scenario, id=f"{scenario.id}-{number}") for number, scenario in enumerate(islice(cycle(real), count))
    )
    return catalogue_with(*copies)
