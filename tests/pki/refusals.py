"""How two independent programs call the fault of each bad recipe, in a file or as served: one row a recipe."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REFUSALS", "Refusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a fault is called."""

    openssl: int
    """The X509_V_ERR code (x509_vfy.h)."""
    address: int = 0
    """The same for a client that connects to an address, if it is another."""
    gnutls: str
    """In certtool's words."""

    @property
    def by_address(self) -> int:
        """The code for a client that connects to an address."""
        return self.address or self.openssl


REFUSALS = {
    "self-signed": Refusal(openssl=18, gnutls="The certificate issuer is unknown."),
    "expired": Refusal(openssl=10, gnutls="The certificate chain uses expired certificate."),
    "wrong-host": Refusal(openssl=62, address=64, gnutls="The name in the certificate does not match the expected."),
    "untrusted-root": Refusal(openssl=19, gnutls="The certificate issuer is unknown."),
}
"""Every recipe that is to be refused."""
