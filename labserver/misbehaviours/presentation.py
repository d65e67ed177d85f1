"""How TLS answers a client, as far as a misbehaviour can say it; the certificate is the scenario's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.tls.engine import TlsSettings

__all__ = ["AS_USUAL", "Presentation", "check"]

_ENGINES = ("openssl", "stdlib", "tlslite")
_VERIFYING = ("openssl", "stdlib")
"""Engines that can judge a client's certificate."""


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

    def over(self, settings: TlsSettings, *, anchors: bytes) -> TlsSettings:
        """Return settings of TLS with these differences; a client's certificate is judged by ``anchors`` (PEM).

        Raises ConfigurationError if no version is left.
        """
        from labserver.tls.engine import VERSIONS  # noqa: PLC0415 -- a lab without misbehaviours reads this module, too

        minimum, maximum = self.minimum or settings.minimum, self.maximum or settings.maximum
        if VERSIONS.index(minimum) > VERSIONS.index(maximum) and not self.minimum:
            minimum = maximum
        if VERSIONS.index(minimum) > VERSIONS.index(maximum):
            raise ConfigurationError(f"no version of TLS is at least {minimum} and at most {maximum}")
        if self.client_certificate:
            settings = replace(settings, client_anchors=anchors, client_required=self.client_certificate == "required")
        return replace(
            settings,
            minimum=minimum,
            maximum=maximum,
            ciphers=self.ciphers or settings.ciphers,
            suites=self.suites or settings.suites,
            groups=self.groups or settings.groups,
            signatures=self.signatures or settings.signatures,
            alpn=settings.alpn if self.alpn is None else self.alpn,
        )

    def engines(self, names: Iterable[str] = _ENGINES) -> tuple[str, ...]:
        """Return which of these engines may be tried; ConfigurationError if none."""
        left = [name for name in dict.fromkeys(names) if self.engine in ("", name)]
        if self.client_certificate:
            left = [name for name in left if name in _VERIFYING]
        if not left:
            raise ConfigurationError(f"the TLS library {self.engine or 'of the certificate'} does not serve that")
        return tuple(left)


AS_USUAL = Presentation()
"""No difference at all."""


@cache
def check(presentation: Presentation) -> None:
    """Raise ConfigurationError, with each library's reason, if no TLS library serves a presentation on this host."""
    from labserver.tls.engine import TlsSettings, make_engines_of  # noqa: PLC0415 -- for who misbehaves in TLS only

    nothing = TlsSettings(certificate_chain=b"", private_key=b"")
    make_engines_of(presentation.engines(), presentation.over(nothing, anchors=b""))
