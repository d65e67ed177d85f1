"""The catalogue: all entries in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.catalogue import authentication, certificates, good, starttls, tls

if TYPE_CHECKING:
    from labserver.scenario import Scenario

__all__ = ["CATALOGUE"]

CATALOGUE: dict[str, Scenario] = {
    scenario.id: scenario
    for scenario in (
        *good.SCENARIOS,
        *certificates.SCENARIOS,
        *tls.SCENARIOS,
        *starttls.SCENARIOS,
        *authentication.SCENARIOS,
    )
}
"""Every scenario by its id."""
