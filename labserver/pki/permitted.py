"""The name space the lab's CA may issue for: names that are nobody's on the public Internet, and this host.

A CA that somebody has put into a trust store is a risk; its name constraints (RFC 5280 4.2.1.10) bound that risk to
names reserved for tests and private use. ``--permit`` widens them, knowingly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from labserver.errors import ConfigurationError

__all__ = ["LAB", "Permitted", "is_domain"]

_Network = IPv4Network | IPv6Network

_DOMAIN = re.compile(r"(?!.{254})[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")


def is_domain(text: str) -> bool:
    """Tell whether ``text`` is a domain name in ASCII that no IPv4 address can be mistaken for."""
    return _DOMAIN.fullmatch(text.lower()) is not None and not text.rpartition(".")[2].isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """Permitted subtrees: each domain with everything below it, and address ranges."""

    domains: tuple[str, ...] = ()
    networks: tuple[_Network, ...] = ()

    def widened(self, texts: tuple[str, ...]) -> Permitted:
        """Return this name space with domains, addresses or CIDR ranges added.

        Raises ``ConfigurationError`` for a text that is none of them.
        """
        added = [_subtree(text) for text in texts]
        return Permitted(
            domains=tuple(dict.fromkeys((*self.domains, *(item for item in added if isinstance(item, str))))),
            networks=tuple(dict.fromkeys((*self.networks, *(item for item in added if not isinstance(item, str))))),
        )

    def covers(self, name: str) -> bool:
        """Tell whether a DNS name, a wildcard or an IP address lies inside."""
        try:
            address = ip_address(name)
        except ValueError:
            labels = name.lower().removeprefix("*.")
            return any(labels == domain or labels.endswith(f".{domain}") for domain in self.domains)
        return any(address in network for network in self.networks)

    def includes(self, other: Permitted) -> bool:
        """Tell whether everything ``other`` permits is permitted here too."""
        return other.beyond(self) == Permitted()

    def beyond(self, other: Permitted) -> Permitted:
        """Return what is permitted here and not in ``other``."""
        return Permitted(
            domains=tuple(domain for domain in self.domains if not other.covers(domain)),
            networks=tuple(
                network for network in self.networks if not any(_within(network, wider) for wider in other.networks)
            ),
        )

    def __str__(self) -> str:
        return ", ".join((*self.domains, *map(str, self.networks)))


def _within(network: _Network, wider: _Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(wider, IPv4Network) and network.subnet_of(wider)
    return isinstance(wider, IPv6Network) and network.subnet_of(wider)


def _subtree(text: str) -> str | _Network:
    try:
        return ip_network(text)
    except ValueError:
        domain = text.lower().removeprefix(".")
    if not is_domain(domain):
        raise ConfigurationError(
            f"--permit {text}: neither a domain (ASCII, without a wildcard), an IP address"
            " nor a range such as 10.1.0.0/16"
        )
    return domain


LAB = Permitted(
    # RFC 6761 test, localhost, example, invalid; the others are container aliases. Not all of internal (ICANN, 2024):
    # companies and cloud providers use it for their networks.
    domains=("test", "localhost", "example", "invalid", "host.docker.internal", "labserver", "mail"),
    # Both families: OpenSSL takes a missing family for "no IPv6 at all", and no range at all for "every address".
    networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
)
"""What the lab's CA may issue for unless the operator widens it."""
