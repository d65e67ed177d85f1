"""The chain that each scenario presents: made at the first use, for the names by which it is reached, and kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from labserver.pki.material import certificate_clock
from labserver.pki.profile import HOSTS

if TYPE_CHECKING:
    from labserver.catalogue.catalogue import Catalogue
    from labserver.clock import Clock, Entropy
    from labserver.pki.chain import Chain
    from labserver.pki.material import Material, Wanted
    from labserver.pki.specification import ChainSpec

__all__ = ["ScenarioChains"]

_ELSEWHERE = 500
"""Chains for other hosts that are kept: more than there are scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioChains:
    """Chains of one lab's scenarios."""

    catalogue: Catalogue
    wanted: Wanted
    material: Material
    entropy: Entropy
    clock: Clock
    http: str = ""
    """The beginning of the URLs where the lab publishes CRLs and the like; empty if it does not."""
    _made: dict[tuple[str, ...], Chain] = field(default_factory=dict)
    _elsewhere: dict[tuple[str, ...], Chain] = field(default_factory=dict)
    """Those for other hosts, of which there is no end: the newest."""

    def chain(self, identifier: str, hosts: tuple[str, ...] = ()) -> Chain:
        """Return a scenario's chain.

        Whatever its fault, it is for every name and address by which the scenario is reached: the names ``hosts``, or
        if there are none those that it has in a lab. Raises UnavailableError if the issuer cannot make it,
        ConfigurationError for hosts that the CA may not vouch for, KeyError if there is no such scenario.
        """
        if self.catalogue[identifier].usual_certificate and self.wanted.certificate is not None:
            return self.material.chain  # the operator's, whose names are theirs to choose
        kept = self._elsewhere if hosts else self._made
        chain = kept.get((identifier, *hosts))
        if chain is None:
            chain = kept[identifier, *hosts] = self._forged(identifier, hosts=hosts)
        if len(self._elsewhere) > _ELSEWHERE:
            del self._elsewhere[next(iter(self._elsewhere))]
        return chain

    def form(self, identifier: str, form: ChainSpec | None, occasion: str) -> Chain:
        """Return a chain of a scenario in a form of its recipe, or for an occasion, made now; else its usual one."""
        return self._forged(identifier, form, occasion) if form or occasion else self.chain(identifier)

    def names(self, identifier: str, hosts: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the names by which a scenario is reached, its own first."""
        return (*(name.rstrip(".") for name in hosts or self.catalogue[identifier].host_names), *self._usual_names())

    def _forged(
        self, identifier: str, form: ChainSpec | None = None, occasion: str = "", hosts: tuple[str, ...] = ()
    ) -> Chain:
        from labserver.pki.recipes import forge  # noqa: PLC0415 -- only when somebody gets to a scenario

        name, *others = self.names(identifier, hosts)
        address = "" if hosts else self.catalogue.address(identifier)
        scenario = self.catalogue[identifier]
        recipe = form or scenario.recipe
        return forge(
            scenario.certificate,
            issuer=self.material.issuer,
            entropy=self.entropy,
            clock=certificate_clock(self.wanted, self.clock),
            host=name,
            names=(*others, *filter(None, (address,))),
            form=recipe and replace(recipe, id=identifier),  # what its certificates say is published is its own
            occasion=occasion,
            http=self.http,
        )

    def _usual_names(self) -> tuple[str, ...]:
        wanted = self.wanted
        return HOSTS if wanted.certificate is not None else (wanted.host, *HOSTS, *wanted.names)
