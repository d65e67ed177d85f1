"""What a client was told to do about TLS. Rules bind under some policies and are remarks under the others."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.services import Service

__all__ = ["ANY", "STARTS_TLS", "TLS_REQUIRED", "Policy", "default_policy"]


class Policy(StrEnum):
    """The instruction that a client's command line stands for."""

    TLS_REQUIRED_STARTTLS = "tls-required-starttls"
    """No credentials and no mail without verified TLS, which STARTTLS or STLS begins."""
    TLS_REQUIRED_IMPLICIT = "tls-required-implicit"
    """The same, with implicit TLS (RFC 8314 3)."""
    OPPORTUNISTIC = "opportunistic"
    """TLS where it is offered, and going on without it where it is not (RFC 7435)."""
    PLAINTEXT = "plaintext"
    """No TLS."""

    def fits(self, service: Service) -> bool:
        """Return whether a service can be used in that way."""
        return service.implicit_tls == (self is Policy.TLS_REQUIRED_IMPLICIT)


TLS_REQUIRED = frozenset({Policy.TLS_REQUIRED_STARTTLS, Policy.TLS_REQUIRED_IMPLICIT})
STARTS_TLS = TLS_REQUIRED | {Policy.OPPORTUNISTIC}
ANY = frozenset(Policy)


def default_policy(service: Service) -> Policy:
    """Return what a mail user agent ought to have been told (RFC 8314 3, 5.2)."""
    return Policy.TLS_REQUIRED_IMPLICIT if service.implicit_tls else Policy.TLS_REQUIRED_STARTTLS
