"""What is served: a certificate chain with its key, and what a client must trust for it. Octets only, nothing parsed.

Certificates stay DER from the moment they are made: a lab that also serves malformed ones may never depend on a parser.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.pki.ocsp import CertificateId

__all__ = ["Chain", "Issuer", "Publications", "certificates_pem", "fingerprint", "pem"]

_PEM_COLUMNS = 64


def pem(label: str, der: bytes) -> bytes:
    """Return ``der`` as one PEM block (RFC 7468 3)."""
    text = b64encode(der).decode("ascii")
    lines = [text[start : start + _PEM_COLUMNS] for start in range(0, len(text), _PEM_COLUMNS)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")


def certificates_pem(certificates: tuple[bytes, ...]) -> bytes:
    """Return DER certificates as PEM blocks, one after the other."""
    return b"".join(pem("CERTIFICATE", der) for der in certificates)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate as people compare it: upper-case hexadecimal pairs between colons."""
    return hashlib.sha256(der).digest().hex(":").upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publications:
    """What anybody can fetch about a chain, DER."""

    lists: Mapping[str, bytes] = field(default_factory=dict)
    """CRLs by the labels of their CAs in the recipe."""
    authorities: Mapping[str, bytes] = field(default_factory=dict)
    """CA certificates by their labels."""
    responses: Mapping[CertificateId, bytes] = field(default_factory=dict)
    """OCSP responses by what they are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One side's credentials: its certificates in wire order and its private key, all DER."""

    leaf: bytes
    """The first certificate on the wire."""
    intermediates: tuple[bytes, ...] = ()
    """What follows it, in wire order; the root is normally not among them (RFC 8446 4.4.2)."""
    key: bytes = field(repr=False)
    """The leaf's private key as unencrypted PKCS #8 (RFC 5958)."""
    anchors: tuple[bytes, ...] = ()
    """What the peer must trust to accept the chain; empty when that is not known."""
    client_anchors: tuple[bytes, ...] = ()
    """What the server verifies client certificates against, where its recipe says that it asks for them."""
    delegated: bytes = b""
    """A delegated credential (RFC 9345) for clients that take one; empty for none."""
    delegated_key: bytes = field(default=b"", repr=False)
    """The key that it is for, as unencrypted PKCS #8."""
    staple: bytes | None = None
    """What a server staples to the leaf for whoever asks (RFC 6066 8), an OCSP response or not; None for nothing."""
    publications: Publications = field(default_factory=Publications)
    """What its CAs publish."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Every certificate in wire order."""
        return (self.leaf, *self.intermediates)

    @property
    def leaf_pem(self) -> bytes:
        """The leaf alone."""
        return pem("CERTIFICATE", self.leaf)

    @property
    def chain_pem(self) -> bytes:
        """Every certificate in wire order, as a server's certificate file wants them."""
        return certificates_pem(self.certificates)

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted."""
        return pem("PRIVATE KEY", self.key)

    @property
    def crls(self) -> tuple[bytes, ...]:
        """The CRLs of its CAs, for a client that is given them."""
        return tuple(self.publications.lists.values())

    @property
    def crls_pem(self) -> bytes:
        """The same for a file (RFC 7468 7)."""
        return b"".join(pem("X509 CRL", one) for one in self.crls)

    @property
    def anchors_pem(self) -> bytes:
        """What a client's trust store needs."""
        return certificates_pem(self.anchors)


class Issuer(Protocol):
    """Whoever vouches for the lab: its own CA or another one."""

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """The DER certificates a client must trust."""

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """The anchors and the intermediates below them, for whoever verifies a leaf that comes without its chain."""

    def issue_server(self, host: str, names: tuple[str, ...]) -> Chain:
        """Return a server's chain.

        ``host`` is its common name and the first of its subject alternative names; ``names`` are the others, DNS names,
        wildcards and IP addresses. Raises ``ConfigurationError`` for a name that this issuer may not vouch for.
        """

    def issue_client(self, account: str) -> Chain:
        """Return a client's chain for SASL EXTERNAL; ``account`` is its common name, and an address also its SAN."""
