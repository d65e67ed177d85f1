"""How TLS answers a client, as far as a misbehaviour can say it; the certificate is the scenario's own."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Presentation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """What differs from the lab's settings of TLS; what is empty or None does not."""

    engine: str = ""
    """The TLS library: ``openssl``, ``stdlib`` or ``tlslite``; empty for any that can do the rest."""
    minimum: str = ""
    """The oldest version served, as OpenSSL names it (``TLSv1.2``)."""
    maximum: str = ""
    """The newest."""
    ciphers: str = ""
    """The suites of TLS 1.2 and older, in OpenSSL's notation."""
    suites: tuple[str, ...] = ()
    """The suites of TLS 1.3, by their IANA names."""
    groups: tuple[str, ...] = ()
    """The groups for key exchange, by OpenSSL's names."""
    signatures: tuple[str, ...] = ()
    """The signature algorithms, by OpenSSL's names."""
    alpn: str | None = None
    """What ALPN selects, whatever the client offered; empty for an alert to every client that asks."""
    client_certificate: str = ""
    """``asked`` or ``required``; empty for the lab's own setting."""
    stalled: bool = False
    """The ClientHello is read and never answered."""
