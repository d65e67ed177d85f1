"""The interface of a TLS engine, and the settings an engine is made from.

An engine is one connection's TLS, server side, between two byte streams: ``receive`` and ``outgoing`` face the
network, ``decrypted`` and ``send`` face the dialogue. It never touches a socket and never raises for what a client
does: a broken handshake is :attr:`TlsEngine.failure`. Any library that can work on memory fits, and so do canned bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from labserver.events import TlsFacts

__all__ = [
    "LEGACY_CIPHERS",
    "RIGHTLY",
    "VERSIONS",
    "EngineName",
    "TlsEngine",
    "TlsFailure",
    "TlsSettings",
    "alert_name",
    "make_engines",
    "make_engines_of",
]

EngineName = str
"""``openssl`` (pyOpenSSL: the cryptography wheel's OpenSSL, the same on every host), ``stdlib`` (the host's) or
``tlslite`` (tlslite-ng, which presents what no OpenSSL does)."""

VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""The versions an engine may serve, oldest first, as OpenSSL names them; SSL 3.0 is for ``tlslite`` only."""
RIGHTLY = "rightly"
"""The presentation that every engine knows."""
_LEVEL_0 = "@SECLEVEL=0"
LEGACY_CIPHERS = f"ALL:!aNULL:{_LEVEL_0}"
"""What versions below 1.2 and weak keys need, DSA's suites included. A suite without authentication would be a fault
beside the one that is meant, and show no certificate; one without encryption is not among ``ALL``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFailure:
    """Why TLS broke."""

    reason: str
    """In the library's words."""
    alert: str = ""
    """The IANA name of the alert the client sent, if it was that."""
    intended: bool = False
    """The server ended it, because that is what it is there for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """What a server presents and allows. The values are PEM, so that any engine can take them."""

    certificate_chain: bytes
    """Leaf first, then what is sent with it; empty for a server that shows none, of anonymous suites."""
    private_key: bytes
    client_anchors: bytes = b""
    """If not empty, a client certificate is asked for and verified against these; none is still accepted."""
    client_required: bool = False
    """None is refused."""
    minimum: str = "TLSv1.2"
    """The oldest version served, one of :data:`VERSIONS`; below TLS 1.2 at OpenSSL's security level 0, which is what
    the hashes of those versions need."""
    maximum: str = "TLSv1.3"
    """The newest."""
    ciphers: str = ""
    """The suites of TLS 1.2 and older, in OpenSSL's notation (``RC4-SHA:NULL``), the server's favourite first, at
    security level 0; empty for what the library has by default."""
    suites: tuple[str, ...] = ()
    """The suites of TLS 1.3, by their IANA names; empty for all."""
    groups: tuple[str, ...] = ()
    """The groups for key exchange, by OpenSSL's names; ``dh512``, ``dh768`` and ``dh1024`` are weak ones for DHE
    (:data:`labserver.tls.diffie_hellman.WEAK`)."""
    signatures: tuple[str, ...] = ()
    """The schemes that the handshake may be signed in, by IANA's names or OpenSSL's (``RSA+SHA1``)."""
    alpn: str | None = None
    """What ALPN selects for a client that offers anything; empty for no_application_protocol (RFC 7301 3.2). None for
    no answer."""
    weak: bool = False
    """The chain has keys or signatures that OpenSSL's default security level rules out."""
    staple: bytes | None = None
    """What a client that asks with status_request gets with the leaf (RFC 6066 8, RFC 8446 4.4.2.1): an OCSP response
    or other octets, as they are; None for nothing, which is all that ``stdlib`` can give."""
    present: str = RIGHTLY
    """How the Certificate message, and the proof that goes with it, are made: one of the names in
    :data:`labserver.tls.tlslite.PRESENTATIONS`, the only engine that knows another."""
    delegated: bytes = b""
    """A delegated credential (RFC 9345) that clients which take one get with the leaf; for ``tlslite`` only."""
    delegated_key: bytes = b""
    """Its private key, with which the handshake is signed then."""
    key_log: Path | None = None
    """Where TLS secrets are appended in NSS key log format, for Wireshark; nowhere by default."""

    @property
    def legacy(self) -> bool:
        """Whether anything is served that OpenSSL's default security level rules out."""
        return self.weak or VERSIONS.index(self.minimum) < VERSIONS.index("TLSv1.2")

    @property
    def cipher_list(self) -> str:
        """The suites of TLS 1.2 and older for an OpenSSL, with its security level; empty for its own."""
        if self.ciphers:
            return f"{self.ciphers}:{_LEVEL_0}"
        if self.legacy:
            return LEGACY_CIPHERS
        return f"DEFAULT:{_LEVEL_0}" if self.suites or self.groups or self.signatures else ""

    @property
    def cipher_words(self) -> tuple[str, ...]:
        """What of :attr:`ciphers` adds suites: each word, for a library that knows all of them but one says nothing."""
        return tuple(word for word in re.split("[:, ]+", self.ciphers) if word and word[0] not in "!-+@")


class TlsEngine(Protocol):
    """One connection's TLS."""

    @property
    def established(self) -> bool:
        """The handshake has finished on this side."""

    @property
    def peer_closed(self) -> bool:
        """The client sent close_notify."""

    @property
    def failure(self) -> TlsFailure | None:
        """Set once TLS is broken; nothing can be decrypted after that, but ``outgoing`` may still hold an alert."""

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""

    def decrypted(self) -> bytes:
        """Drive the handshake and return what was decrypted."""

    def send(self, data: bytes) -> None:
        """Encrypt; before the handshake has finished, keep until then."""

    def outgoing(self) -> bytes:
        """Return the octets for the network."""

    def shutdown(self) -> None:
        """Queue close_notify (RFC 8446 6.1)."""

    def facts(self) -> TlsFacts:
        """Return what the handshake agreed on."""

    def binding(self, kind: str) -> bytes | None:
        """Return the channel binding of that IANA name (``tls-exporter`` …), None if there is none."""

    @property
    def client_certificate(self) -> bytes | None:
        """The client's verified certificate (DER), None if it sent none."""


def alert_name(reason: str) -> str:
    """Return the IANA name in an OpenSSL reason such as ``tlsv1 alert unknown ca``, or an empty string."""
    _, found, name = reason.partition(" alert ")
    return name.strip().replace(" ", "_") if found else ""


def make_engines(name: EngineName, settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Return a maker of engines; the library is imported and its context built at the first one it makes.

    That first one raises ConfigurationError for what the engine cannot serve (a key that is too small …). Whether this
    host's OpenSSL still serves an old version is asked of :func:`labserver.tls.probe.unavailable`.
    """
    context: list[Callable[[], TlsEngine]] = []

    def make() -> TlsEngine:
        if settings.present != RIGHTLY and name != "tlslite":
            raise ConfigurationError(f"the {name} engine knows no {settings.present}: tlslite does")
        if not context:
            if name == "stdlib":
                from labserver.tls.stdlib import stdlib_engines  # noqa: PLC0415 -- only when it is used

                context.append(stdlib_engines(settings))
            elif name == "tlslite":
                from labserver.tls.tlslite import tlslite_engines  # noqa: PLC0415 -- the same

                context.append(tlslite_engines(settings))
            else:
                from labserver.tls.openssl import openssl_engines  # noqa: PLC0415 -- only when it is used

                context.append(openssl_engines(settings))
        return context[0]()

    return make


def make_engines_of(names: Iterable[EngineName], settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Return a maker of the first of these engines that can serve ``settings``; which one, is found out at once.

    Raises ConfigurationError, with the reason of each, if none can.
    """
    reasons = []
    for name in dict.fromkeys(names):
        make = make_engines(name, settings)
        try:
            make()
        except (ConfigurationError, ValueError) as error:  # ValueError: ssl was built without that version
            reasons.append(f"{name}: {str(error).rstrip('.')}")
        else:
            return make
    raise ConfigurationError(f"no TLS library serves that ({'; '.join(reasons)})")
