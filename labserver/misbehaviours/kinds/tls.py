"""How TLS answers the ClientHello: versions, suites, groups, signatures, ALPN, client certificates, or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.errors import ConfigurationError
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import Ciphers, TlsName
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.presentation import Presentation, check
from labserver.tls.engine import VERSIONS

if TYPE_CHECKING:
    from labserver.misbehaviours.moment import Moment
    from labserver.tls.client_hello import ClientHello

__all__ = [
    "TlsAlpn",
    "TlsClientCertificate",
    "TlsGroups",
    "TlsSignatures",
    "TlsStalled",
    "TlsSuites",
    "TlsVersion",
]

_NEVER: frozenset[Occasion] = frozenset()
_Version = Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
_Engine = Literal["openssl", "stdlib", "tlslite"]
_OLD_GROUP = re.compile(
    r"dh\d+ | sect\w+ | (secp|prime|P-)(1\d\d|2[0-4]\d|256k)\w* | brainpoolP\d+[rt]1", re.IGNORECASE | re.VERBOSE
)
"""Groups that TLS 1.3 does not have."""
_OLD_SCHEME = re.compile(r"(RSA|DSA)\+.*|rsa_pkcs1_.*|.*(SHA1|SHA224|MD5)", re.IGNORECASE)
"""Signature schemes that TLS 1.3 does not have."""
_Names = Annotated[tuple[TlsName, ...], msgspec.Meta(min_length=1)]


class _Agreed(Misbehaviour, frozen=True, kw_only=True):
    """What the server agrees to in a handshake; it lies outside all occasions of the dialogue."""

    on: ClassVar[frozenset[Occasion]] = _NEVER
    possible: ClassVar[frozenset[Occasion]] = _NEVER

    engine: _Engine | None = None
    """The TLS library; by default the first that can serve it. ``tlslite`` is tlslite-ng, ``openssl`` the OpenSSL that
    labserver brings along, ``stdlib`` this system's."""

    def __post_init__(self) -> None:
        """Refuse what no TLS library serves, and tell why."""
        try:
            check(self.over(Presentation()))
        except ConfigurationError as error:
            raise ValueError(str(error)) from error

    def over(self, honest: Presentation) -> Presentation:
        """Return how TLS answers, where links before this one have it answer as ``honest`` says."""
        return replace(honest, engine=self.engine or honest.engine)

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return that for whoever asks."""
        return self.over(honest)


def _newest(honest: Presentation, names: tuple[str, ...], old: re.Pattern[str]) -> str:
    """Return the newest version served: TLS 1.2 where TLS 1.3 has none of the names and no other link says more."""
    return honest.maximum or ("TLSv1.2" if all(map(old.fullmatch, names)) else "")


class TlsVersion(_Agreed, frozen=True, kw_only=True, tag="tls-version"):
    """TLS has some versions only: one, or all from ``minimum`` to ``maximum``.

    RFC 8996 forbids TLS 1.0 and 1.1, RFC 7568 forbids SSL 3.0. A client that takes none of the versions meets an alert.
    """

    example: ClassVar[dict[str, Any]] = {"version": "TLSv1.1"}

    version: _Version | None = None
    """The only version: ``SSLv3``, ``TLSv1``, ``TLSv1.1``, ``TLSv1.2`` or ``TLSv1.3``."""
    minimum: _Version | None = None
    """The oldest version; by default TLS 1.2, or ``maximum`` where that is older."""
    maximum: _Version | None = None
    """The newest version; by default TLS 1.3."""

    def __post_init__(self) -> None:
        """Refuse no version, and a range that is empty."""
        ends = (self.minimum, self.maximum)
        if (self.version is None) == (ends == (None, None)):
            raise ValueError("it needs either version or minimum and maximum, or one of them")
        if self.minimum and self.maximum and VERSIONS.index(self.minimum) > VERSIONS.index(self.maximum):
            raise ValueError(f"no version is at least {self.minimum} and at most {self.maximum}")
        super().__post_init__()

    def over(self, honest: Presentation) -> Presentation:
        """Return those versions."""
        return replace(
            super().over(honest),
            minimum=self.version or self.minimum or honest.minimum,
            maximum=self.version or self.maximum or honest.maximum,
        )


class TlsSuites(_Agreed, frozen=True, kw_only=True, tag="tls-suites"):
    """The server has these cipher suites only.

    Suites of TLS 1.3 are not those of older versions: with ``ciphers`` alone there is no TLS 1.3, with ``suites`` alone
    nothing older. A suite needs a certificate with the right key: the key of the lab's own is ECDSA, so a scenario with
    suites of RSA needs a certificate such as ``rsa2048``.
    """

    example: ClassVar[dict[str, Any]] = {"ciphers": "ECDHE-ECDSA-RC4-SHA"}

    ciphers: Ciphers | None = None
    """Suites of TLS 1.2 and older in OpenSSL's notation, the favourite first: names (``ECDHE-RSA-AES128-SHA``), words
    for several (``RC4``, ``3DES``, ``NULL``, ``aNULL``, ``DHE``, ``kRSA``), ``+`` between words that must all hold,
    ``!`` before what is left out. No library serves suites for export or single DES."""
    suites: tuple[TlsName, ...] = ()
    """Suites of TLS 1.3 by their IANA names, such as ``TLS_AES_128_CCM_8_SHA256``."""

    def __post_init__(self) -> None:
        """Refuse no suite."""
        if not self.ciphers and not self.suites:
            raise ValueError("it needs ciphers or suites")
        super().__post_init__()

    def over(self, honest: Presentation) -> Presentation:
        """Return those suites."""
        return replace(
            super().over(honest),
            minimum=honest.minimum if self.ciphers else honest.minimum or "TLSv1.3",
            maximum=honest.maximum if self.suites else honest.maximum or "TLSv1.2",
            ciphers=self.ciphers or honest.ciphers,
            suites=self.suites or honest.suites,
        )


class TlsGroups(_Agreed, frozen=True, kw_only=True, tag="tls-groups"):
    """The server has these groups for key exchange only.

    With groups alone that TLS 1.3 does not have (such as secp192r1, RFC 8446 4.2.7), there is no TLS 1.3.
    ``dh512``, ``dh768`` and ``dh1024`` are weak groups for DHE in TLS 1.2 and older, whatever groups the client has
    asked for (Logjam, CVE-2015-4000); they want ``tls-suites`` beside them, with ``ciphers = "DHE"``.
    """

    example: ClassVar[dict[str, Any]] = {"groups": ["secp192r1"]}

    groups: _Names
    """Their names: ``X25519``, ``P-256``, ``secp192r1``, ``ffdhe2048``, ``X25519MLKEM768`` and others."""

    def over(self, honest: Presentation) -> Presentation:
        """Return those groups."""
        return replace(super().over(honest), maximum=_newest(honest, self.groups, _OLD_GROUP), groups=self.groups)


class TlsSignatures(_Agreed, frozen=True, kw_only=True, tag="tls-signatures"):
    """The server signs its handshake in these schemes only: SHA-1 and MD5 are for clients to refuse (RFC 9155).

    A client that offers none of them meets an alert. With schemes alone that TLS 1.3 does not have (SHA-1, MD5,
    PKCS #1: RFC 8446 4.2.3), there is no TLS 1.3.
    """

    example: ClassVar[dict[str, Any]] = {"signatures": ["ECDSA+SHA1"]}

    signatures: _Names
    """Schemes by IANA's names (``rsa_pss_rsae_sha256``), or as OpenSSL writes older ones (``RSA+SHA1``)."""

    def over(self, honest: Presentation) -> Presentation:
        """Return those schemes."""
        maximum = _newest(honest, self.signatures, _OLD_SCHEME)
        return replace(super().over(honest), maximum=maximum, signatures=self.signatures)


class TlsAlpn(_Agreed, frozen=True, kw_only=True, tag="tls-alpn"):
    """ALPN selects a protocol that the client did not offer, or refuses all (RFC 7301 3.2).

    A client that offers no protocol has not met it. Those of mail are ``imap`` and ``pop3``; SMTP has none.
    """

    example: ClassVar[dict[str, Any]] = {"protocol": "h2"}

    protocol: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    """What is selected, offered or not; without it the handshake ends with no_application_protocol."""

    def over(self, honest: Presentation) -> Presentation:
        """Return that answer."""
        return replace(super().over(honest), alpn=self.protocol or "")

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return that for a client that offers any."""
        return self.over(honest) if hello is not None and hello.protocols else honest


class TlsClientCertificate(_Agreed, frozen=True, kw_only=True, tag="tls-client-certificate"):
    """The client is asked for a certificate of the lab's CA; one of another CA breaks the handshake.

    A client must not send one that it was not configured with, and works without unless one is required.
    """

    example: ClassVar[dict[str, Any]] = {"required": True}

    required: bool = False
    """Whether the handshake ends for a client that has none."""

    def over(self, honest: Presentation) -> Presentation:
        """Return that request."""
        return replace(super().over(honest), client_certificate="required" if self.required else "asked")


class TlsStalled(Misbehaviour, frozen=True, kw_only=True, tag="tls-stalled"):
    """The ClientHello is never answered; a client needs a limit of its own (CVE-2011-1947)."""

    on: ClassVar[frozenset[Occasion]] = _NEVER
    possible: ClassVar[frozenset[Occasion]] = _NEVER
    example: ClassVar[dict[str, Any]] = {}

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- the hook's
        """Return what never answers."""
        return replace(honest, stalled=True)
