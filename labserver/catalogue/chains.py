"""The chain that each scenario presents: made at the first use, for the names by which it is reached, and kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.catalogue.addresses import addresses, host_names
from labserver.catalogue.entries import CATALOGUE
from labserver.facets.certificate import LabCertificate
from labserver.pki.material import certificate_clock
from labserver.pki.profile import HOSTS

if TYPE_CHECKING:
    from labserver.clock import Clock, Entropy
    from labserver.pki.chain import Chain
    from labserver.pki.material import Material, Wanted

__all__ = ["ScenarioChains"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioChains:
    """Chains of one lab's scenarios."""

    wanted: Wanted
    material: Material
    entropy: Entropy
    clock: Clock
    _made: dict[tuple[str, ...], Chain] = field(default_factory=dict)

    def chain(self, identifier: str, hosts: tuple[str, ...] = ()) -> Chain:
        """Return a scenario's chain.

        Whatever its fault, it is for every name and address by which the scenario is reached: the names ``hosts``, or
        if there are none those that it has in a lab. Raises UnavailableError if the issuer cannot make it,
        ConfigurationError for hosts that the CA may not vouch for, KeyError if there is no such scenario.
        """
        certificate = CATALOGUE[identifier].facets.certificate
        if isinstance(certificate, LabCertificate) and self.wanted.certificate is not None:
            return self.material.chain  # the operator's, whose names are theirs to choose
        chain = self._made.get((identifier, *hosts))
        if chain is None:
            from labserver.pki.recipes import forge  # noqa: PLC0415 -- only when somebody gets to a scenario

            name, *others = (name.rstrip(".") for name in hosts or host_names(identifier))
            own_address = () if hosts else (addresses()[identifier],)
            chain = self._made[identifier, *hosts] = forge(
                certificate.recipe,
                issuer=self.material.issuer,
                entropy=self.entropy,
                clock=certificate_clock(self.wanted, self.clock),
                host=name,
                names=(*others, *self._usual_names(), *own_address),
            )
        return chain

    def _usual_names(self) -> tuple[str, ...]:
        wanted = self.wanted
        return HOSTS if wanted.certificate is not None else (wanted.host, *HOSTS, *wanted.names)
