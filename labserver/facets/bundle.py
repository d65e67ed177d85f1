"""Every axis of one server's behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.facets.authentication import HonestAuthentication
from labserver.facets.capabilities import HonestCapabilities
from labserver.facets.greeting import HonestGreeting
from labserver.facets.injection import NoInjection
from labserver.facets.oracle import NoOracle
from labserver.facets.upgrade import HonestUpgrade

if TYPE_CHECKING:
    from labserver.facets.authentication import Authentication
    from labserver.facets.capabilities import Capabilities
    from labserver.facets.greeting import Greeting
    from labserver.facets.injection import Injection
    from labserver.facets.oracle import Oracle
    from labserver.facets.upgrade import Upgrade

__all__ = ["HONEST", "Facets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """A server's behaviour; what is not named is honest, so an entry shows only what is wrong."""

    greeting: Greeting = field(default_factory=HonestGreeting)
    capabilities: Capabilities = field(default_factory=HonestCapabilities)
    upgrade: Upgrade = field(default_factory=HonestUpgrade)
    injection: Injection = field(default_factory=NoInjection)
    authentication: Authentication = field(default_factory=HonestAuthentication)
    oracle: Oracle = field(default_factory=NoOracle)
    permissive: bool = False
    """Credentials are offered and accepted in clear, to see whether a client sends them."""


HONEST = Facets()
"""No lie at all."""
