"""A recipe: what each certificate of a chain says, as a difference from a good one. Its fields are a table's keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from labserver.pki.engine_names import ENGINES
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labserver.pki.revocation import ListSpec, ResponseSpec

__all__ = [
    "ANEW",
    "CLIENT_CERTIFICATES",
    "ENGINES",
    "EXTENSIONS",
    "LAB",
    "OTHER_FOR",
    "PARTS",
    "PRESENTATIONS",
    "PURPOSES",
    "REPEATABLE",
    "UNREADABLE",
    "CertificateSpec",
    "ChainSpec",
    "Extra",
    "Severity",
    "Verdict",
]

UNREADABLE = -1
"""In place of OpenSSL's error code: it cannot, or will not, even read what is sent, so no client of its accepts it."""
PRESENTATIONS = (
    "compressed",
    "md5-signature",
    "no-certificates",
    "pkcs1-signature",
    "raw-key",
    "rightly",
    "spoiled-signature",
    "unrecognized-name",
)
"""How the tlslite engine presents a chain (:data:`labserver.tls.tlslite.PRESENTATIONS`); the others do it rightly."""
_PRESENTED_TO = {"compressed": "compress_certificate", "unrecognized-name": "server_name"}
"""The extension that asks for a presentation, where a client meets it only then."""
VERSIONS = ("TLSv1.2", "TLSv1.3")
ANEW = ("connection", "service")
"""How often a chain is made, if not once."""
OTHER_FOR = ("unnamed", "rsa-only")
"""Who gets the other chain: who asks by SNI for none of the server's names, who offers to verify no ECDSA."""
CLIENT_CERTIFICATES = ("asked", "required")
"""Whether a client needs a certificate that the server asks for."""
EXTENSIONS = ("status_request", "server_certificate_type", "delegated_credential")
"""TLS extensions by which a client asks for what a case is about, by their IANA names."""
LAB = "lab"
"""The lab's issuing CA as an issuer; its chain on the wire; its root as an anchor."""
PARTS = (
    "basic-constraints",
    "key-usage",
    "purposes",
    "names",
    "name-constraints",
    "policies",
    "key-identifier",
    "issuer-key-identifier",
    "distribution-points",
    "access",
)
"""The extensions, in their usual order, as recipes call them."""

_OLD_KEYS = frozenset(
    ("rsa512", "rsa768", "rsa1024", "rsa1536", "rsa2047", "dsa2048", "p192", "p224", "secp256k1", "brainpoolp256r1")
)
_EVERYWHERE = frozenset(("p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "rsa8192", "rsa16384"))
_WEAK = _OLD_KEYS | frozenset(
    ("rsa-md2", "rsa-md4", "rsa-md5", "rsa-sha1", "rsa-pss-sha1", "ecdsa-sha1", "ecdsa-sha3-256", "none", "unknown")
)
"""What OpenSSL does not know counts as weak."""
PURPOSES = {
    "any": "2.5.29.37.0",
    "server": "1.3.6.1.5.5.7.3.1",
    "client": "1.3.6.1.5.5.7.3.2",
    "code": "1.3.6.1.5.5.7.3.3",
    "email": "1.3.6.1.5.5.7.3.4",
    "time-stamping": "1.3.6.1.5.5.7.3.8",
    "ocsp": "1.3.6.1.5.5.7.3.9",
    "netscape-sgc": "2.16.840.1.113730.4.1",
}
"""Extended key usages (RFC 5280 4.2.1.12); others are written as OIDs."""

REPEATABLE = ("key_usage", "names", "policies", "purposes")
"""The keys of parts that a certificate may have twice."""


class Verdict(StrEnum):
    """What a correct client does with the chain."""

    ACCEPT = "accept"
    REJECT = "reject"
    EITHER = "either"


class Severity(StrEnum):
    """What it means to get it wrong."""

    NONE = "none"
    CONFORMANCE = "conformance"
    SECURITY = "security"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """An extension written out."""

    oid: str
    value: bytes
    critical: bytes = b""
    """The content of the BOOLEAN that says whether it is: FF if it is (X.690 11.1), none if it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSpec:
    """What one certificate says."""

    issuer: str = LAB
    """The label of the one that signs it; its own label for itself, ``lab`` for the lab's issuing CA."""
    subject: tuple[tuple[str, str], ...] | None = None
    """Attributes in order; by default the lab's organisation and a common name."""
    issuer_name: tuple[tuple[str, str], ...] | None = None
    """Another name than that of the one that signs it."""
    key: str = "p256"
    key_of: str = ""
    """The label of the certificate whose key it shares."""
    public_key: str = "usual"
    """The form in which it is written (:mod:`labserver.pki.public_keys`)."""
    signature: str = ""
    """The algorithm; by default what fits the issuer's key."""
    inner_signature: str = ""
    """The algorithm that the signed part names, if it is another."""
    version: int = 3
    serial: bytes | None = None
    """Its octets."""
    not_before: Moment = field(default_factory=lambda: Moment.parse("-1d"))
    not_after: Moment = field(default_factory=lambda: Moment.parse("+20d"))
    levels: int = 1
    """How many CAs it stands for, each signed by the one before; the last one has its label."""
    ca: bool = False
    path_length: int | None = None
    key_usage: tuple[str, ...] = ("digital_signature",)
    purposes: tuple[str, ...] = ("server",)
    names: tuple[str, ...] = ("{names}", "{addresses}")
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    key_identifier: bytes | None = None
    """Instead of the key's; those that it signs name it, too."""
    issuer_key_identifier: bytes | None = None
    """Instead of the issuer's."""
    distribution_points: tuple[str, ...] = ()
    """URIs of its issuer's CRL (RFC 5280 4.2.1.13)."""
    responders: tuple[str, ...] = ()
    """URIs where OCSP tells of it (RFC 5280 4.2.2.1)."""
    issuer_copies: tuple[str, ...] = ()
    """URIs of its issuer's certificate (RFC 5280 4.2.2.1)."""
    critical: tuple[str, ...] = ("basic-constraints", "key-usage", "name-constraints")
    """The parts that are critical."""
    without: tuple[str, ...] = ()
    """The parts that are left out."""
    extra: tuple[Extra, ...] = ()
    """Each replaces the part with its OID, or stands at the end."""
    again: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parts that stand there a second time, at the end, by the keys that say what is in them."""
    corrupt: tuple[str, ...] = ()
    """Named corruptions (:mod:`labserver.pki.corruptions`), in order; those of the signed part come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSpec:
    """A recipe: a chain and what is known of it."""

    id: str
    topic: str
    """The file's name, which is the scenario's group."""
    title: str
    does: str
    expects: str = ""
    verdict: Verdict
    severity: Severity = Severity.NONE
    references: tuple[str, ...]
    rows: tuple[str, ...] = ()
    """The rows of docs/COVERAGE.md that it covers, by their ids."""
    openssl: int = 0
    """The X509_V_ERR code with which OpenSSL refuses it by name, :data:`UNREADABLE`, or 0 if it accepts it."""
    address_openssl: int | None = None
    """The same by address, if it is another."""
    leaf: CertificateSpec = field(default_factory=CertificateSpec)
    authorities: Mapping[str, CertificateSpec] = field(default_factory=dict)
    """The other certificates by their labels, each after the one that signs it."""
    wire: tuple[str, ...] = ("leaf", LAB)
    """Labels in the order in which they are sent."""
    anchors: tuple[str, ...] = (LAB,)
    """Labels of what a client is told to trust."""
    host: str = "{id}.{lab}"
    """What clients connect to, if it is no usual name: :attr:`labserver.scenario.Scenario.host`."""
    engine: str = ENGINES[0]
    """The simplest TLS engine that can serve it."""
    default: bool = False
    """Whether ``labserver check`` runs it without being asked."""
    versions: tuple[str, ...] = ()
    """The only versions of TLS in which it is served, oldest first."""
    proof: str = "leaf"
    """The label of the certificate whose key proves to the client that the server has it."""
    present: str = "rightly"
    """How the handshake's messages about the chain are made: one of :data:`PRESENTATIONS`."""
    delegation: Moment | None = None
    """When the delegated credential ends by which the server proves itself to clients that take one."""
    anew: str = ""
    """One of :data:`ANEW`: it is made, key and serial number included, for each of them."""
    other: ChainSpec | None = None
    """Another chain that the same server has."""
    other_for: str = ""
    """Who gets that, one of :data:`OTHER_FOR`."""
    client_certificate: str = ""
    """One of :data:`CLIENT_CERTIFICATES`: what the server wants of the client."""
    client_anchors: tuple[str, ...] = (LAB,)
    """Labels of what it verifies that against."""
    disputed: str = ""
    """Why correct clients differ about it, which of them accept it, and when that was seen; empty where they do not."""
    asked: str = ""
    """The TLS extension without which a client has not met the case, one of :data:`EXTENSIONS`; empty for no such."""
    staple: ResponseSpec | None = None
    """The OCSP response that is stapled to the leaf."""
    responses: Mapping[str, ResponseSpec] = field(default_factory=dict)
    """OCSP responses that can be fetched, by the labels of the certificates that they are about."""
    lists: Mapping[str, ListSpec] = field(default_factory=dict)
    """CRLs by the labels of the CAs whose they are."""
    repaired: ChainSpec | None = None
    """The same without its one fault, if it has one: every verifier accepts that."""

    def line(self, label: str) -> tuple[str, ...]:
        """Return the labels of the certificates for which a label stands, the last first."""
        levels = self.authorities[label].levels if label in self.authorities else 1
        return (label, *(f"{label} {level}" for level in range(levels - 1, 0, -1)))

    @property
    def acceptable(self) -> bool:
        """Whether a correct client accepts it."""
        return self.verdict is Verdict.ACCEPT

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that can serve it, simplest first."""
        return ENGINES[ENGINES.index(self.engine) :]

    @property
    def needs_lab(self) -> bool:
        """Whether the lab's CA signs something or is sent; to be trusted, another may issue for the lab."""
        certificates = (self.leaf, *self.authorities.values())
        return LAB in self.wire or any(LAB in {one.issuer, one.key_of} for one in certificates)

    @property
    def weak(self) -> bool:
        """Whether a key or signature is too weak for a server that takes no unusual precautions."""
        certificates = (self.leaf, *self.authorities.values())
        return any(one.key in _WEAK or one.signature in _WEAK for one in certificates)

    @property
    def demanding(self) -> bool:
        """Whether there are hosts that cannot make it, or not serve it, since it is weak, or too new."""
        certificates = (self.leaf, *self.authorities.values())
        usual = all(one.key in _EVERYWHERE and one.public_key == "usual" for one in certificates)
        return self.weak or self.engine == "openssl" or not usual

    @property
    def newest(self) -> str:
        """The newest version of TLS in which it is served, and the leaf's key is of use."""
        if self.versions:
            return self.versions[-1]
        return "TLSv1.2" if self.leaf.key in _OLD_KEYS else "TLSv1.3"

    @property
    def met_by(self) -> str:
        """The TLS extension without which a client has not met the case, by its IANA name; empty for none."""
        return self.asked or _PRESENTED_TO.get(self.present, "")

    @property
    def in_message(self) -> bool:
        """Whether it is about how the chain is presented, the chain itself being as good as any."""
        return bool(self.present != "rightly" or self.proof != "leaf" or self.client_certificate or self.asked)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of key and signature of the certificates that are sent, where they are not the usual ones."""
        certificates = (self.leaf, *(one for label, one in self.authorities.items() if label in self.wire))
        found = dict.fromkeys(kind for one in certificates for kind in (one.key, one.signature))
        return tuple(kind for kind in found if kind not in {"", "p256"})

    @property
    def revocation(self) -> str:
        """``revoked`` if a client can learn that it is, ``unknown`` if it can learn nothing that it could rely on.

        Empty if it is not about that, or if a correct client may connect.
        """
        about = self.staple is not None or self.responses or self.lists or self.asked == "status_request"
        if not about or self.verdict is not Verdict.REJECT:
            return ""
        return "revoked" if self.severity is Severity.SECURITY else "unknown"

    @property
    def published(self) -> bool:
        """Whether one of its certificates says what can be fetched from the lab by HTTP."""
        certificates = (self.leaf, *self.authorities.values())
        places = [(*one.distribution_points, *one.responders, *one.issuer_copies) for one in certificates]
        return any("{http}" in place for some in places for place in some)

    @property
    def own_anchor(self) -> bool:
        """Whether trusting the lab's root is not what the client is told."""
        return self.anchors != (LAB,)
