"""Generated scenarios, as many as a finished catalogue may have: copies of the real ones under ids of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

from labserver.catalogue.entries import CATALOGUE

if TYPE_CHECKING:
    from labserver.scenario import Scenario

__all__ = ["generated"]


def generated(count: int) -> dict[str, Scenario]:
    """Return so many scenarios beside the real ones, under ids of their own."""
    real = [scenario for scenario in CATALOGUE.written.values() if scenario.id != "good"]
    copies = (
        replace(scenario, id=f"{scenario.id}-{number}") for number, scenario in enumerate(islice(cycle(real), count))
    )
    return {scenario.id: scenario for scenario in copies}
