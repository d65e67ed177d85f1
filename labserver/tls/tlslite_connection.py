"""tlslite-ng's connection, bent where a scenario needs it. Whatever private name of tlslite-ng is used stands in here.

tlslite-ng is a library for testing TLS: it will send what no other does. What it cannot be told, is told it here, by
overriding the step of the handshake that does it. A test compares :data:`PRIVATE` with the version that is pinned.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any
from weakref import ref

from tlslite.constants import AlertDescription, AlertLevel, CertificateStatusType, ExtensionType
from tlslite.errors import TLSAlert
from tlslite.extensions import ALPNExtension, TLSExtension
from tlslite.messages import (
    Alert,
    Certificate,
    CertificateStatus,
    ClientHello,
    EncryptedExtensions,
    Finished,
    ServerHello,
)
from tlslite.recordlayer import RecordLayer
from tlslite.tlsconnection import TLSConnection
from tlslite.x509 import X509
from tlslite.x509certchain import X509CertChain

from labserver.tls.record_ciphers import cipher_maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labserver.tls.signing_key import SigningKey

    Handshake = Iterator[Any]
    """Yields 0 for octets that are not there yet, other numbers to go on, and at the end what it was asked for."""

__all__ = ["PRIVATE", "Connection", "Memory", "certificate_list"]

PRIVATE: dict[type, dict[str, tuple[str, ...]]] = {
    TLSConnection: {
        "_getMsg": ("self", "expectedType", "secondaryType", "constructorType"),
        "_handshakeWrapperAsync": ("self", "handshaker", "checker"),
        "_pickServerKeyExchangeSig": ("settings", "clientHello", "certList", "private_key", "version", "check_alt"),
        "_queue_message": ("self", "msg"),
        "_sendError": ("self", "alertDescription", "errorStr"),
        "_server_select_certificate": (
            *("self", "settings", "client_hello", "cipher_suites", "cert_chain", "private_key", "version"),
        ),
        "_sendMsg": ("self", "msg", "randomizeFirstBlock", "update_hashes"),
        "_sendMsgs": ("self", "msgs"),
    },
    RecordLayer: {
        "_getCipherSettings": ("cipherSuite",),
        "calcTLS1_3PendingState": (
            *("self", "cipherSuite", "cl_traffic_secret", "sr_traffic_secret", "implementations"),
        ),
    },
    ClientHello: {"_removeExt": ("self", "extType")},
}
"""The methods that are overridden or called although they are private, with their parameters."""

_IGNORED = (ExtensionType.server_name, ExtensionType.alpn)
"""What a client may ask for without an answer: the name is known already, and an address as a name ends no handshake
(RFC 6066 3 forbids the client to send it, not the server to pass over it); which protocol is spoken is not for
tlslite-ng to choose."""
_MESSAGE_HEADER = 4
_SSL_3_0 = (3, 0)
_FINITE_FIELDS = range(256, 512)
"""The numbers of groups in a prime field (RFC 7919 2)."""
_NOBODY_S = 0xFAFA
"""In place of a list that may not be empty: a number that stands for nothing (RFC 8701)."""
_SERVER_CERTIFICATE_TYPE, _RAW_KEY = 20, b"\2"
"""RFC 7250 3."""
_DELEGATED_CREDENTIAL = 34
"""RFC 9345 4."""
_SECRETS = ("HANDSHAKE_TRAFFIC_SECRET", "TRAFFIC_SECRET_0")
"""In the order in which TLS 1.3 comes to them; both sides have one (RFC 9850 2)."""


class Memory:
    """The socket that tlslite-ng wants: two buffers. Reading what is not there yet is "would block"."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` octets from the network."""
        if not self.incoming:
            raise BlockingIOError(errno.EWOULDBLOCK, "nothing there yet")
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def send(self, data: bytes) -> int:
        """Take octets for the network."""
        self.outgoing += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Take octets for the network."""
        self.outgoing += data


class _Records(RecordLayer):  # type: ignore[misc]  # tlslite-ng has no types
    """The record layer, with ciphers that are fast; tells ``disclose`` the secrets of TLS 1.3."""

    def __init__(self, sock: object, disclose: Callable[[str, bytes], None]) -> None:
        super().__init__(sock)
        self._disclose = disclose
        self._stages = iter(_SECRETS)

    @staticmethod
    def _getCipherSettings(cipherSuite: int) -> tuple[int, int, object]:  # noqa: N802, N803 -- tlslite-ng's names
        key, start, make = RecordLayer._getCipherSettings(cipherSuite)  # noqa: SLF001 -- see PRIVATE
        return key, start, cipher_maker(make)

    def calcTLS1_3PendingState(  # noqa: N802 -- tlslite-ng's name
        self, cipher_suite: int, client: bytes, server: bytes, implementations: Sequence[str]
    ) -> None:
        """Change keys."""
        stage = next(self._stages)
        self._disclose(f"CLIENT_{stage}", bytes(client))
        self._disclose(f"SERVER_{stage}", bytes(server))
        super().calcTLS1_3PendingState(cipher_suite, client, server, implementations)


class Connection(TLSConnection):  # type: ignore[misc]  # tlslite-ng has no types
    """One connection on memory. The attributes below are what the handshake is to do differently."""

    def __init__(self, memory: Memory, disclose: Callable[[bytes, str, bytes], None]) -> None:
        """``disclose`` is told secrets: the client's random, the key log's label (RFC 9850), the secret."""
        super().__init__(memory)
        self.closeSocket = False
        own = ref(self)  # nothing here may refer to itself, or it would wait for the garbage collector

        def tell(label: str, secret: bytes) -> None:
            connection = own()
            if connection is not None:
                disclose(connection.client_random, label, secret)

        self._recordLayer = _Records(self.sock, tell)
        self.client_random = b""
        self.client_finished = b""
        """The client's first Finished: its verify_data."""
        self.staple: bytes | None = None
        """An OCSP response, or anything in its place, for the client that asked for one."""
        self.delegated = b""
        """A delegated credential (RFC 9345), for the client that takes one."""
        self.raw_key = b""
        """A public key in place of all certificates (RFC 7250), for the client that takes one."""
        self.shows_certificates = True
        """Whether the Certificate message has any entries."""
        self.suites: tuple[int, ...] = ()
        """The suites that are served, in this order; empty for all that the settings allow."""
        self.schemes: frozenset[int] = frozenset()
        """The signature schemes that are used, of those that a client offers; empty for all."""
        self.any_prime = False
        """For DHE there is one group, whichever the client has asked for (RFC 7919 4 forbids that)."""
        self.alpn = ""
        """What ALPN says to a client that offers protocols; empty for nothing."""
        self.scheme = ""
        """Signs the handshake in this way, offered or not: a hash for PKCS #1 in TLS 1.2 (``md5``), a scheme in TLS 1.3
        (``rsa_pkcs1_sha256``)."""

    @property
    def randoms(self) -> bytes:
        """Both sides' random values, once a handshake of TLS 1.2 has finished."""
        return bytes(self._clientRandom + self._serverRandom)

    def say_goodbye(self) -> None:
        """Queue close_notify."""
        for _ in self._sendMsg(Alert().create(AlertDescription.close_notify, AlertLevel.warning)):
            pass

    # What is overridden

    def _handshakeWrapperAsync(self, handshaker: Handshake, checker: object) -> Handshake:  # noqa: N802, ARG002 -- its name and parameters
        """Shake hands; an exception that is no alert, tlslite-ng's way to stumble over a ClientHello, becomes one."""
        try:
            yield from handshaker
        except (TLSAlert, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 -- of any type: AssertionError, TypeError, ValueError …
            reason = f"{type(error).__name__}: {error}"
            yield from self._sendError(AlertDescription.internal_error, reason)

    def _getMsg(  # noqa: N802 -- tlslite-ng's name
        self, expected: object, secondary: object = None, constructor: object = None
    ) -> Handshake:
        for result in super()._getMsg(expected, secondary, constructor):
            if isinstance(result, ClientHello):
                self.client_random = bytes(result.random)
                if result.getExtension(ExtensionType.alpn) is None:
                    self.alpn = ""
                for extension in _IGNORED:
                    result._removeExt(extension)  # noqa: SLF001 -- see PRIVATE
                self._narrow(result)
            elif isinstance(result, Finished) and not self.client_finished:
                self.client_finished = bytes(result.verify_data)
            yield result

    def _narrow(self, hello: Any) -> None:  # noqa: ANN401 -- tlslite-ng has no types
        """Leave of a client's offer what may be chosen."""
        if hello.client_version == _SSL_3_0:  # which knows no such secret (RFC 7627 5.3)
            hello._removeExt(ExtensionType.extended_master_secret)  # noqa: SLF001 -- see PRIVATE
        groups = hello.getExtension(ExtensionType.supported_groups)
        if self.any_prime and groups is not None:
            groups.groups = [group for group in groups.groups if group not in _FINITE_FIELDS] or [_NOBODY_S]
        signatures = hello.getExtension(ExtensionType.signature_algorithms)
        if self.schemes and signatures is not None:
            kept = [pair for pair in signatures.sigalgs if pair[0] << 8 | pair[1] in self.schemes]
            signatures.sigalgs = kept or [divmod(_NOBODY_S, 256)]

    def _server_select_certificate(
        self, settings: object, client_hello: object, cipher_suites: Sequence[int], *others: object
    ) -> Any:  # noqa: ANN401 -- tlslite-ng has no types
        if self.suites:
            cipher_suites = [suite for suite in self.suites if suite in cipher_suites]
        return super()._server_select_certificate(settings, client_hello, cipher_suites, *others)

    def _pickServerKeyExchangeSig(  # noqa: N802 -- tlslite-ng's name
        self, settings: object, hello: object, certificates: object, key: object, *others: object
    ) -> Any:  # noqa: ANN401 -- the same
        if self.scheme:
            return self.scheme, certificates, key
        return super()._pickServerKeyExchangeSig(settings, hello, certificates, key, *others)

    def _sendMsgs(self, msgs: Iterable[Any]) -> Handshake:  # noqa: N802 -- tlslite-ng's name
        """Send a flight in clear: of TLS 1.2 all that is presented, of TLS 1.3 the ServerHello alone."""
        return super()._sendMsgs(list(self._presented(msgs)))  # type: ignore[no-any-return]  # the same

    def _queue_message(self, msg: Any) -> None:  # noqa: ANN401 -- the same
        """Queue a message of TLS 1.3's encrypted flight."""
        if self.alpn and isinstance(msg, EncryptedExtensions):
            msg.extensions = [*msg.extensions, self._protocol()]
        if self.raw_key and isinstance(msg, EncryptedExtensions):
            msg.extensions = [*msg.extensions, TLSExtension().create(_SERVER_CERTIFICATE_TYPE, bytearray(_RAW_KEY))]
        if isinstance(msg, Certificate):
            self._replace(msg)
            if msg.certificate_list:
                msg.certificate_list[0].extensions = list(self._beside_the_leaf())
        super()._queue_message(msg)

    def _beside_the_leaf(self) -> Iterator[Any]:
        """Yield the extensions of the leaf's entry in TLS 1.3 (RFC 8446 4.4.2)."""
        if self.staple is not None:
            status = CertificateStatus().create(CertificateStatusType.ocsp, self.staple)
            yield TLSExtension().create(ExtensionType.status_request, status.write()[_MESSAGE_HEADER:])
        if self.delegated:
            yield TLSExtension().create(_DELEGATED_CREDENTIAL, bytearray(self.delegated))

    def _presented(self, messages: Iterable[Any]) -> Iterator[Any]:
        """Yield a flight with the certificates as they are to be shown, and the staple (RFC 6066 8)."""
        flight = list(messages)
        stapled = self.staple is not None and any(isinstance(message, Certificate) for message in flight)
        for message in flight:
            if (
                isinstance(message, ServerHello)
                and self.alpn
                and not message.getExtension(ExtensionType.supported_versions)
            ):
                message.extensions = [*(message.extensions or ()), self._protocol()]
            if isinstance(message, ServerHello) and stapled:
                message.extensions = [
                    *(message.extensions or ()),
                    TLSExtension().create(ExtensionType.status_request, bytearray()),
                ]
            if isinstance(message, Certificate):
                self._replace(message)
            yield message
            if isinstance(message, Certificate) and stapled:
                yield CertificateStatus().create(CertificateStatusType.ocsp, self.staple)

    def _protocol(self) -> Any:  # noqa: ANN401 -- tlslite-ng has no types
        return ALPNExtension().create([bytearray(self.alpn, "utf-8")])

    def _replace(self, message: Any) -> None:  # noqa: ANN401 -- tlslite-ng has no types
        """Have a Certificate message say what it is to say instead."""
        if self.raw_key or not self.shows_certificates:
            entries = [_entry(self.raw_key)] if self.raw_key else []
            message.create(X509CertChain(entries), message.certificate_request_context)


def _entry(octets: bytes) -> Any:  # noqa: ANN401 -- tlslite-ng has no types
    entry = X509()
    entry.bytes = bytearray(octets)
    return entry


def certificate_list(certificates: Iterable[bytes], key: SigningKey) -> object:
    """Return certificates as tlslite-ng sends them: unread, so that they may be anything.

    What it wants to know of the first, it is told of the key.
    """
    entries = []
    for octets in certificates:
        entry = _entry(octets)
        entry.certAlg = key.key_type
        entry.publicKey = key
        entries.append(entry)
    return X509CertChain(entries)
