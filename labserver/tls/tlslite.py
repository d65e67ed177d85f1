"""The engine that will present anything: tlslite-ng on memory, which reads no certificate before it sends it.

For what no OpenSSL serves: certificates that nobody can parse, a Certificate message without any, a signature that is
wrong, versions and suites that OpenSSL has given up (SSL 3.0, RC4, 3DES). It is written in Python; octets are encrypted
by ``cryptography``. It asks for no client certificate, since it could not verify one, and resumes no session.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlslite.constants import AlertDescription, CipherSuite, GroupName
from tlslite.errors import TLSLocalAlert, TLSRemoteAlert
from tlslite.handshakesettings import (
    ALL_CIPHER_NAMES,
    ALL_CURVE_NAMES,
    ALL_DH_GROUP_NAMES,
    ALL_MAC_NAMES,
    ALL_RSA_SIGNATURE_HASHES,
    DSA_SIGNATURE_HASHES,
    ECDSA_SIGNATURE_HASHES,
    HandshakeSettings,
)
from tlslite.mathtls import PRF_1_2, PRF_1_2_SHA384

from labserver.errors import ConfigurationError
from labserver.events import TlsFacts
from labserver.tls.alerts import ALERTS
from labserver.tls.client_hello import ClientHello, ClientHelloReader, Unread
from labserver.tls.diffie_hellman import WEAK
from labserver.tls.endpoint_binding import server_end_point
from labserver.tls.engine import TlsFailure
from labserver.tls.key_log import keep_secret
from labserver.tls.names import group_name, signature_number
from labserver.tls.signing_key import SigningKey, load_signing_key
from labserver.tls.suite_names import openssl_name
from labserver.tls.tlslite_connection import Connection, Memory, certificate_list
from labserver.tls.tlslite_suites import ANONYMOUS, TLS_1_3, suites_named, suites_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.tls.engine import TlsEngine, TlsSettings

__all__ = ["PRESENTATIONS", "TlsliteEngine", "tlslite_engines"]

_VERSIONS = {"SSLv3": (3, 0), "TLSv1": (3, 1), "TLSv1.1": (3, 2), "TLSv1.2": (3, 3), "TLSv1.3": (3, 4)}
_NAMES = {number: name for name, number in _VERSIONS.items()}
_UNEXPECTED_MESSAGE = b"\x15\x03\x03\x00\x02\x02\x0a"
"""A fatal alert in clear (RFC 8446 5): what came is no ClientHello."""
_NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"
"""The same (RFC 7301 3.2)."""
_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""The same (RFC 6066 3)."""
_TLS_1_3 = 0x0304
_RAW_KEY = 2
_READ = 1 << 16
_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
_EXPORTER_SIZE = 32
_PSS_BITS = 1024
"""An RSA key smaller than that has no room for a PSS signature with SHA-384 (RFC 8017 9.1.1)."""
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presentation:
    """How the Certificate message, and the proof that goes with it, are made; by default, rightly."""

    certificates: bool = True
    """The list of certificates has entries."""
    spoils: bool = False
    """What proves that the server has the key is wrong in one bit."""
    scheme: str = ""
    """The proof is made in this way, offered or not (:attr:`Connection.scheme`)."""
    compresses: bool = False
    """The message is compressed for clients that take that (RFC 8879)."""
    raw_key: bool = False
    """It has a public key in place of all certificates, for clients that take that (RFC 7250)."""
    refuses_names: bool = False
    """Every name that a client asks for is unknown here."""


PRESENTATIONS = {
    "compressed": _Presentation(compresses=True),
    "md5-signature": _Presentation(scheme="md5"),
    "no-certificates": _Presentation(certificates=False),
    "pkcs1-signature": _Presentation(scheme="rsa_pkcs1_sha256"),
    "raw-key": _Presentation(raw_key=True),
    "rightly": _Presentation(),
    "spoiled-signature": _Presentation(spoils=True),
    "unrecognized-name": _Presentation(refuses_names=True),
}
"""By their names (:attr:`labserver.tls.engine.TlsSettings.present`)."""


class TlsliteEngine:
    """One connection: first a ClientHello is waited for, then tlslite-ng answers it."""

    def __init__(self, presented: _Presented) -> None:
        self.established = False
        self.peer_closed = False
        self.failure: TlsFailure | None = None
        self.client_certificate: bytes | None = None
        self._presented = presented
        self._reader = ClientHelloReader()
        self._hello: ClientHello | None = None
        self._memory = Memory()
        self._connection = Connection(self._memory, presented.disclose)
        self._handshake: Iterator[object] | None = None
        self._reading: Iterator[object] | None = None
        self._agreed = (0, 0)
        self._exporter: bytes | None = None
        self._unsent: list[bytes] = []

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        if self.failure or self.peer_closed:
            return
        self._memory.incoming += data
        if self._hello is None:
            match self._reader.receive(data):
                case ClientHello() as hello:
                    self._begin(hello)
                case Unread.NOT_TLS:
                    self._memory.outgoing += _UNEXPECTED_MESSAGE
                    self.failure = TlsFailure(reason="no ClientHello")
                case Unread.INCOMPLETE:
                    pass

    def decrypted(self) -> bytes:
        """Drive the handshake and return what was decrypted."""
        if self.failure or self.peer_closed or self._handshake is None:
            return b""
        chunks: list[bytes] = []
        try:
            if self.established or self._shaken(self._handshake):
                self._read(chunks)
        except Exception as error:  # noqa: BLE001 -- tlslite-ng's errors for what a client does are of any type
            self.failure = _failure(error)
        return b"".join(chunks)

    def send(self, data: bytes) -> None:
        """Encrypt; before the handshake has finished, keep until then; drop what nobody hears any more."""
        if self.failure or self.peer_closed:
            return
        if self.established:
            self._connection.write(data)
        else:
            self._unsent.append(data)

    def outgoing(self) -> bytes:
        """Return the octets for the network."""
        data = bytes(self._memory.outgoing)
        self._memory.outgoing.clear()
        return data

    def shutdown(self) -> None:
        """Queue close_notify."""
        if self.established and not self.failure and not self._connection.closed:
            self._connection.say_goodbye()

    def facts(self) -> TlsFacts:
        """Return what the handshake agreed on."""
        session, curve = self._connection.session, self._connection.ecdhCurve
        return TlsFacts(
            version=_NAMES.get(self._agreed, ""),
            cipher=openssl_name(CipherSuite.ietfNames[session.cipherSuite]) if session else "",
            group=GroupName.toRepr(curve) if curve else "",
            server_name=self._hello.server_name if self._hello else "",
            alpn=self._connection.alpn,
            engine="tlslite",
        )

    def binding(self, kind: str) -> bytes | None:
        """Return a channel binding: RFC 9266 for TLS 1.3 (and 1.2), RFC 5929 otherwise."""
        match kind:
            case "tls-exporter":
                return self._exporter
            case "tls-unique" if self._agreed <= _VERSIONS["TLSv1.2"]:
                return self._connection.client_finished
            case "tls-server-end-point":
                return server_end_point(self._presented.settings.certificate_chain)
            case _:
                return None

    def _begin(self, hello: ClientHello) -> None:
        self._hello = hello
        if hello.server_name and self._presented.how.refuses_names:
            self._memory.outgoing += _UNRECOGNIZED_NAME
            self.failure = TlsFailure(reason="the name that the client asks for is not to be known", intended=True)
        elif hello.protocols and self._presented.settings.alpn == "":
            self._memory.outgoing += _NO_APPLICATION_PROTOCOL
            self.failure = TlsFailure(reason="no protocol that the client offers is to be spoken", intended=True)
        else:
            self._handshake = self._presented.begin(self._connection, hello)

    def _shaken(self, handshake: Iterator[object]) -> bool:
        """Go on with the handshake; return whether it has finished."""
        for step in handshake:
            if step == 0:
                return False
        self.established = True
        self._agreed = self._connection.version
        self._exporter = self._exported()  # now: tlslite-ng forgets the version when a connection ends
        if self._agreed < _VERSIONS["TLSv1.3"]:
            self._presented.disclose(
                self._connection.client_random, "CLIENT_RANDOM", bytes(self._connection.session.masterSecret)
            )
        for data in self._unsent:
            self._connection.write(data)
        self._unsent.clear()
        return True

    def _read(self, chunks: list[bytes]) -> None:
        while not self._connection.closed:
            if self._reading is None:
                self._reading = self._connection.readAsync(_READ)
            step = next(self._reading)
            if not isinstance(step, bytes):
                return
            self._reading = None
            chunks.append(step)
        self.peer_closed = True

    def _exported(self) -> bytes | None:
        """Return 32 octets of keying material for an empty context (RFC 5705 4, RFC 8446 7.5); None before TLS 1.2."""
        session = self._connection.session
        if self._agreed == _VERSIONS["TLSv1.3"]:
            return bytes(self._connection.keyingMaterialExporter(_EXPORTER_LABEL, _EXPORTER_SIZE))
        if self._agreed < _VERSIONS["TLSv1.2"]:
            return None
        prf = PRF_1_2_SHA384 if session.cipherSuite in CipherSuite.sha384PrfSuites else PRF_1_2
        seed = self._connection.randoms + bytes(2)
        return bytes(prf(session.masterSecret, _EXPORTER_LABEL, seed, _EXPORTER_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presented:
    """What every connection of one server is given."""

    settings: TlsSettings
    how: _Presentation
    chain: object
    """None for a server that shows no certificate."""
    key: SigningKey | None
    delegated_key: SigningKey | None
    limits: HandshakeSettings
    suites: tuple[int, ...]
    """In order; empty for all that the limits allow."""
    schemes: frozenset[int]
    """Signature schemes; empty for all that the limits allow."""

    def begin(self, connection: Connection, hello: ClientHello) -> Iterator[object]:
        """Return the handshake with a client that said ``hello``, about to begin."""
        connection.shows_certificates, connection.scheme = self.how.certificates, self.how.scheme
        connection.suites, connection.schemes = self.suites, self.schemes
        connection.any_prime = self.limits.dhParams is not None
        connection.alpn = self.settings.alpn or ""
        if hello.asks("status_request"):
            connection.staple = self.settings.staple
        key = self.key
        if key is not None and self.how.raw_key and _RAW_KEY in hello.certificate_types and _TLS_1_3 in hello.versions:
            connection.raw_key = key.public
        if self.delegated_key is not None and hello.asks("delegated_credential") and _TLS_1_3 in hello.versions:
            key, connection.delegated = self.delegated_key, self.settings.delegated
        handshake: Iterator[object] = connection.handshakeServerAsync(
            certChain=self.chain, privateKey=key, settings=self.limits, anon=self.chain is None
        )
        return handshake

    def disclose(self, random: bytes, label: str, secret: bytes) -> None:
        """Write a secret into the key log, if there is one."""
        log = self.settings.key_log
        if log is not None:
            keep_secret(log, f"{label} {random.hex()} {secret.hex()}".encode("ascii"))


def _failure(error: Exception) -> TlsFailure:
    match error:
        case TLSRemoteAlert():
            name = ALERTS.get(error.description, str(error.description))
            return TlsFailure(reason=f"the client's alert {name}", alert=name)
        case TLSLocalAlert():
            name = AlertDescription.toRepr(error.description) or str(error.description)
            return TlsFailure(reason=f"{name}: {error.message}" if error.message else name)
        case _:
            return TlsFailure(reason=f"{type(error).__name__}: {error}")


def tlslite_engines(settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Return a maker of engines; raises ConfigurationError for what they do not serve."""
    if unknown := {settings.minimum, settings.maximum} - _VERSIONS.keys():
        raise ConfigurationError(f"tlslite-ng serves no {', '.join(sorted(unknown))}")
    if settings.client_required:
        raise ConfigurationError("tlslite-ng verifies no client certificates: another engine is needed")
    how = PRESENTATIONS[settings.present]
    suites, schemes = _suites(settings), _schemes(settings)
    shown = not ANONYMOUS.issuperset(suites) if suites else True
    key = load_signing_key(settings.private_key, spoils=how.spoils) if shown and settings.private_key else None
    certificates = [base64.b64decode(text) for text in _CERTIFICATE.findall(settings.certificate_chain)]
    chain = certificate_list(certificates, key) if key is not None else None
    if chain is not None and key is not None and suites and not CipherSuite.filter_for_certificate(suites, chain):
        raise ConfigurationError(
            f"a certificate with a key of {key.key_type} is of no use to the suites {settings.ciphers}"
        )
    limits = _limits(settings, key)
    limits.certificate_compression_send = ["zlib"] if how.compresses else []
    if how.spoils or how.scheme:
        limits.keyExchangeNames.remove("rsa")  # it proves the key without a signature
    presented = _Presented(
        settings=settings,
        how=how,
        chain=chain,
        key=key,
        delegated_key=load_signing_key(settings.delegated_key) if settings.delegated else None,
        limits=limits,
        suites=suites,
        schemes=schemes,
    )
    return lambda: TlsliteEngine(presented)


def _suites(settings: TlsSettings) -> tuple[int, ...]:
    """Return the suites that are served; none for what the limits allow."""
    if not settings.ciphers and not settings.suites:
        return ()
    newer = suites_named(settings.suites) if settings.suites else TLS_1_3
    older = suites_of(settings.ciphers or "ALL:!aNULL:!3DES:!RC4")
    if not ANONYMOUS.isdisjoint(older) and not ANONYMOUS.issuperset(older):
        raise ConfigurationError("tlslite-ng serves anonymous suites or others, not both")
    return older if settings.maximum != "TLSv1.3" else (*newer, *older)


def _schemes(settings: TlsSettings) -> frozenset[int]:
    """Return the signature schemes that are used."""
    numbers = {name: signature_number(name) for name in settings.signatures}
    if unknown := [name for name, number in numbers.items() if number is None]:
        raise ConfigurationError(f"tlslite-ng serves no signature scheme {unknown[0]}")
    return frozenset(number for number in numbers.values() if number is not None)


def _limits(settings: TlsSettings, key: SigningKey | None) -> HandshakeSettings:
    """Return what is agreed to: what a modern server agrees to, as fast as Python can, or what the settings say."""
    limits = HandshakeSettings()
    limits.minVersion, limits.maxVersion = _VERSIONS[settings.minimum], _VERSIONS[settings.maximum]
    limits.versions = [number for number in reversed(_NAMES) if limits.minVersion <= number <= limits.maxVersion]
    limits.cipherNames = ["aes128gcm", "aes256gcm", "chacha20-poly1305", "aes256", "aes128"]
    limits.keyExchangeNames = ["ecdhe_ecdsa", "ecdhe_rsa", "dhe_rsa", "dhe_dsa", "rsa"]
    if settings.ciphers or settings.suites:  # which of all of them, Connection.suites says
        limits.cipherNames, limits.macNames = list(ALL_CIPHER_NAMES), list(ALL_MAC_NAMES)
        limits.keyExchangeNames += ["ecdh_anon", "dh_anon"]
    limits.eccCurves = ["x25519", "secp256r1", "secp384r1", "secp521r1"]
    limits.keyShares = ["x25519", "secp256r1"]
    limits.dhGroups = ["ffdhe2048", "ffdhe3072"]
    limits.rsaSchemes = ["pss", "pkcs1"] if key is None or not 0 < key.bits < _PSS_BITS else ["pkcs1"]
    limits.rsaSigHashes = ["sha256", "sha384"]
    limits.ecdsaSigHashes = ["sha256", "sha384", "sha512"]
    limits.dsaSigHashes = ["sha256"]
    limits.more_sig_schemes = ["Ed25519", "Ed448"]
    if settings.signatures:  # which of all of them, Connection.schemes says
        limits.rsaSigHashes, limits.dsaSigHashes = list(ALL_RSA_SIGNATURE_HASHES), list(DSA_SIGNATURE_HASHES)
        limits.ecdsaSigHashes = list(ECDSA_SIGNATURE_HASHES)
    limits.useExtendedMasterSecret = settings.maximum != "SSLv3"  # RFC 7627 5.3
    limits.certificate_compression_receive = []
    limits.ticket_count = 0
    limits.use_heartbeat_extension = False
    if settings.groups:
        _agree_on_groups(limits, settings.groups)
    return limits


def _agree_on_groups(limits: HandshakeSettings, names: tuple[str, ...]) -> None:
    """Have the limits allow these groups only."""
    groups = [group_name(name) for name in names]
    weak = [name for name in groups if name in WEAK]
    limits.eccCurves = [name for name in groups if name in ALL_CURVE_NAMES]
    limits.dhGroups = [name for name in groups if name in ALL_DH_GROUP_NAMES]
    limits.keyShares = [*limits.eccCurves, *limits.dhGroups]
    if unknown := [name for name in groups if name not in {*limits.keyShares, *weak}]:
        raise ConfigurationError(f"tlslite-ng serves no group {unknown[0]}")
    if len(weak) > 1 or (weak and limits.dhGroups):
        raise ConfigurationError(f"tlslite-ng serves {weak[0]} only without another group in a prime field")
    if weak:
        limits.dhParams = (2, WEAK[weak[0]])
    if limits.eccCurves:
        limits.defaultCurve = limits.eccCurves[0]
