"""How TLS answers the ClientHello."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.moment import Occasion
from labserver.tls.engine import VERSIONS

if TYPE_CHECKING:
    from labserver.misbehaviours.moment import Moment
    from labserver.misbehaviours.presentation import Presentation
    from labserver.tls.client_hello import ClientHello

__all__ = ["Tls", "TlsStalled", "TlsVersion"]

_NEVER: frozenset[Occasion] = frozenset()
_Version = Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.:+=@!-]{1,200}\Z")]


class TlsVersion(Misbehaviour, frozen=True, kw_only=True, tag="tls-version"):
    """TLS has one version only; RFC 8996 forbids 1.0 and 1.1."""

    on: ClassVar[frozenset[Occasion]] = _NEVER
    possible: ClassVar[frozenset[Occasion]] = _NEVER
    example: ClassVar[dict[str, Any]] = {"version": "TLSv1.1"}

    version: _Version
    """``TLSv1``, ``TLSv1.1``, ``TLSv1.2`` or ``TLSv1.3``."""

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return that version."""
        return replace(honest, minimum=self.version, maximum=self.version)


class Tls(Misbehaviour, frozen=True, kw_only=True, tag="tls"):
    """TLS is served with other parameters than the lab's: suites, groups, signature algorithms, ALPN.

    What a host's OpenSSL cannot do makes the scenario unavailable there, and the reason is told.
    """

    on: ClassVar[frozenset[Occasion]] = _NEVER
    possible: ClassVar[frozenset[Occasion]] = _NEVER
    example: ClassVar[dict[str, Any]] = {"maximum": "TLSv1.2", "ciphers": "RC4-SHA", "engine": "tlslite"}

    minimum: _Version | None = None
    """The oldest version."""
    maximum: _Version | None = None
    """The newest version."""
    ciphers: _Name | None = None
    """Suites of TLS 1.2 and older, in OpenSSL's notation."""
    suites: tuple[_Name, ...] = ()
    """Suites of TLS 1.3, by their IANA names."""
    groups: tuple[_Name, ...] = ()
    """Groups of the key exchange, by OpenSSL's names."""
    signatures: tuple[_Name, ...] = ()
    """Signature algorithms, by OpenSSL's names."""
    alpn: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    """The protocol that ALPN selects whatever the client offers; empty to refuse every client that offers one."""
    client_certificate: Literal["asked", "required"] | None = None
    """Whether the client is asked for a certificate, and what becomes of one that has none."""
    engine: Literal["openssl", "stdlib", "tlslite"] | None = None
    """The TLS library; by default one that can do the rest."""

    def __post_init__(self) -> None:
        """Refuse an empty range of versions, and what changes nothing."""
        if self.minimum and self.maximum and VERSIONS.index(self.minimum) > VERSIONS.index(self.maximum):
            raise ValueError(f"no version is at least {self.minimum} and at most {self.maximum}")
        fields = (self.minimum, self.maximum, self.ciphers, self.alpn, self.client_certificate, self.engine)
        if all(one is None for one in fields) and not (self.suites or self.groups or self.signatures):
            raise ValueError("it changes nothing: give at least one field")

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return what is given, over what links before this one have."""
        return replace(
            honest,
            minimum=self.minimum or honest.minimum,
            maximum=self.maximum or honest.maximum,
            ciphers=self.ciphers or honest.ciphers,
            suites=self.suites or honest.suites,
            groups=self.groups or honest.groups,
            signatures=self.signatures or honest.signatures,
            alpn=honest.alpn if self.alpn is None else self.alpn,
            client_certificate=self.client_certificate or honest.client_certificate,
            engine=self.engine or honest.engine,
        )


class TlsStalled(Misbehaviour, frozen=True, kw_only=True, tag="tls-stalled"):
    """The ClientHello is never answered; a client needs a limit of its own (CVE-2011-1947)."""

    on: ClassVar[frozenset[Occasion]] = _NEVER
    possible: ClassVar[frozenset[Occasion]] = _NEVER
    example: ClassVar[dict[str, Any]] = {}

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return what never answers."""
        return replace(honest, stalled=True)
