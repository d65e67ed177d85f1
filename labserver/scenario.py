"""A scenario: a named composition of misbehaviours, why it matters, and what a correct client does with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from labserver.misbehaviours.chain import Chain
from labserver.services import SERVICES

if TYPE_CHECKING:
    from labserver.pki.specification import ChainSpec
    from labserver.services import Service

__all__ = [
    "ALL",
    "DOMAINS",
    "EXPLICIT_TLS",
    "IMAP_EXPLICIT_TLS",
    "NOT_STATED",
    "USUAL_CERTIFICATE",
    "USUAL_HOST",
    "Expectation",
    "Scenario",
    "Server",
    "Severity",
]

ALL = tuple(service.name for service in SERVICES.values() if service.default)
"""Every service of the lab."""
EXPLICIT_TLS = tuple(name for name in ALL if not SERVICES[name].implicit_tls)
"""Services that begin in clear."""
IMAP_EXPLICIT_TLS = ("imap",)
DOMAINS = ("lab.test", "lab.localhost")
"""``<scenario>.<domain>`` is a scenario's host name, unless its recipe has it under another."""
USUAL_CERTIFICATE = "good"
"""The recipe of the lab's own certificate, which is made for the scenario's own names and address, too."""
NOT_STATED = "Nothing is said of it: only the rules that always hold decide."
"""What a scenario expects whose author has not said what a correct client does."""
USUAL_HOST = "{id}.{lab}"
"""What a scenario is called: its id below each of the lab's domains."""


class Expectation(StrEnum):
    """What a correct client does with the server."""

    ACCEPT = "accept"
    """It works with it."""
    REJECT = "reject"
    """It does not go on, and loses no secret."""
    EITHER = "either"
    """It works with it or does not go on; nobody may call one of the two wrong."""


class Severity(StrEnum):
    """How bad it is to get this wrong."""

    NONE = "none"
    """Nothing to get wrong: a control."""
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Where it stands in that order; higher is worse."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Settings of the honest server for one scenario."""

    permissive: bool = False
    """Credentials are offered and accepted in clear, to see whether a client sends them."""
    mechanisms: tuple[str, ...] = ()
    """The SASL mechanisms that are offered, by their IANA names, and no passwords besides; empty for the lab's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One entry of the catalogue."""

    id: str
    """Permanent, kebab-case, in the field's words (badssl.com's where it has one)."""
    title: str
    group: str
    does: str
    """What the server does, in one sentence."""
    expects: str
    """What a correct client does, in one sentence."""
    expectation: Expectation
    severity: Severity
    references: tuple[str, ...]
    """RFC clauses, CVEs, cases of EAST (``EAST: imap/Negotiation/O_4``), papers."""
    rows: tuple[str, ...] = ()
    """The rows of docs/COVERAGE.md that it covers, by their ids."""
    services: tuple[str, ...] = ALL
    host: str = USUAL_HOST
    """What clients connect to: a name of ``{id}`` and one of the lab's domains, ``{lab}``, or any other, or an address.
    """
    chain: Chain = field(default_factory=Chain)
    """What the server does wrong, from the one nearest to the honest server to the one nearest to the client."""
    certificate: str = USUAL_CERTIFICATE
    """The name of what the chain is made from that is presented: a recipe, or its own id for a recipe of its own."""
    recipe: ChainSpec | None = field(default=None, repr=False)
    """That recipe; None for a chain that is issued, not forged (:data:`labserver.pki.recipes.ISSUED`)."""
    server: Server = Server()
    """The honest server behind all that."""
    rules: tuple[str, ...] = ()
    """The rules that decide, besides those that always hold; ids of :mod:`labserver.verdicts.rules`."""
    default: bool = True
    """Whether ``labserver check`` runs it without being asked."""
    own_anchor: bool = False
    """Whether the lab's CA does not vouch for it: its clients have to be told to trust a certificate of its own."""
    asked: str = ""
    """The TLS extension without which a client has not met it, by its IANA name; empty if any client meets it."""
    stated: bool = True
    """Whether its author says what a correct client does; if not, only the rules that always hold decide."""
    repeats: int = 1
    """How often ``labserver check`` runs it at most, because a client that is wrong passes some of the runs: a race."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names to which its clients connect, one at least; or an address, or ``localhost``."""
        host = self.host.replace("{id}", self.id)
        return tuple(dict.fromkeys(host.replace("{lab}", domain) for domain in DOMAINS))

    @property
    def hosts_entries(self) -> tuple[str, ...]:
        """The names that a hosts file must give it, an absolute one (``x.``) without its dot, too.

        There are none where it is met at an address or as ``localhost``, which mean this host everywhere.
        """
        if "{id}" not in self.host:
            return ()
        return tuple(dict.fromkeys(one for name in self.host_names for one in (name, name.rstrip("."))))

    @property
    def keys(self) -> tuple[str, ...]:
        """The kinds of key and signature in its chain, where they are not the usual ones."""
        return self.recipe.kinds if self.recipe is not None else ()

    @property
    def revocation(self) -> str:
        """Whether clients can learn that its certificate is ``revoked``, or can learn nothing (``unknown``)."""
        return self.recipe.revocation if self.recipe is not None else ""

    @property
    def disputed(self) -> str:
        """Why correct clients differ about it, with versions and a date; empty where they do not."""
        return self.recipe.disputed if self.recipe is not None else ""

    @property
    def usual_certificate(self) -> bool:
        """Whether it presents the lab's own certificate."""
        return self.certificate == USUAL_CERTIFICATE

    @property
    def by_name(self) -> bool:
        """Whether SNI can select it: its name is the lab's, and only what comes after the ClientHello depends on it."""
        return "{lab}" in self.host and self.chain.only_presents and self.server == Server()

    def named_on(self, service: Service) -> bool:
        """Return whether SNI can select it on a service, where the lab's usual ports are dialled.

        With implicit TLS the whole dialogue comes after the ClientHello; with STARTTLS some has been said by then.
        """
        late = service.implicit_tls and "{lab}" in self.host and self.chain.below is None
        return self.on(service) and (self.by_name or late)

    @property
    def honest(self) -> bool:
        """Whether nothing ever misbehaves, so that any session reaches what the scenario is about."""
        return not self.chain and self.usual_certificate

    @property
    def controlled(self) -> bool:
        """Whether its control is run first: where an instrument measures, and might by itself be too much."""
        return bool(self.control_chain and self.chain != self.control_chain)

    @property
    def control_chain(self) -> Chain:
        """What is left of its misbehaviours in the control that is run first: the instruments."""
        return Chain(link for link in self.chain.links if link.instrument)

    def on(self, service: Service) -> bool:
        """Return whether the scenario makes sense on a service."""
        return service.name in self.services
