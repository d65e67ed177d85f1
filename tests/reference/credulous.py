"""A TLS client that checks nothing at all: no certificate, no signature, not even that there is a certificate.

OpenSSL cannot be talked into that: told to verify nothing it still refuses a handshake that is signed wrong. A client
that did is what those scenarios are there to find, so here is one. It has as much of :mod:`ssl` as the drivers use.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from tlslite.constants import ExtensionType
from tlslite.errors import TLSError
from tlslite.extensions import StatusRequestExtension, TLSExtension
from tlslite.handshakesettings import ALL_CIPHER_NAMES, ALL_CURVE_NAMES, ALL_MAC_NAMES, HandshakeSettings
from tlslite.messages import ClientHello
from tlslite.tlsconnection import TLSConnection
from tlslite.x509 import X509
from tlslite.x509certchain import X509CertChain

from labserver.tls.tlslite_connection import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CredulousContext", "CredulousTls"]

_READ = 1 << 14
_SERVER_CERTIFICATE_TYPE = 20
"""RFC 7250 3: a raw public key, else a certificate."""
_DELEGATED_CREDENTIAL = 34
"""RFC 9345 4.1.1: a list of signature schemes."""
_EVERY_RSA = tuple((number, 1) for number in range(1, 7))
"""RSA with MD5, SHA-1 … SHA-512 (RFC 5246 7.4.1.4.1)."""


def _fine(*_: object, **__: object) -> bool:
    return True


_KEY = SimpleNamespace(
    verify=_fine,
    hashAndVerify=_fine,
    curve_name="NIST256p",
    public_key=SimpleNamespace(curve=SimpleNamespace(baselen=32)),
    key_type="rsa",
)
"""By which every signature is right."""


class _Connection(TLSConnection):  # type: ignore[misc]  # tlslite-ng has no types
    """The places in which tlslite-ng's client has doubts."""

    def _clientGetKeyFromChain(  # noqa: N802 -- tlslite-ng's name
        self, _certificate: object, _settings: object, _tack: object = None
    ) -> Iterator[object]:
        yield _KEY, X509CertChain([X509()]), None

    def _sendMsg(self, message: Any, *others: object, **given: object) -> Any:  # noqa: ANN401, N802 -- the same
        """Ask for what tlslite-ng's client does not: a staple, which it can read, a delegated credential, a raw key."""
        if isinstance(message, ClientHello) and message.getExtension(ExtensionType.status_request) is None:
            message.extensions.append(StatusRequestExtension().create())
            message.extensions.append(TLSExtension().create(_DELEGATED_CREDENTIAL, bytearray(b"\0\2\4\3")))
            message.extensions.append(TLSExtension().create(_SERVER_CERTIFICATE_TYPE, bytearray(b"\2\2\0")))
        return super()._sendMsg(message, *others, **given)

    def _sigHashesToList(  # noqa: N802 -- the same
        self, settings: object, *others: object, **given: object
    ) -> list[tuple[int, int]]:
        verifying = given.pop("certList", None) is not None
        offered = list(super()._sigHashesToList(settings, *others, **given))
        return [*offered, *_EVERY_RSA] if verifying else offered


@dataclass(frozen=True, slots=True, kw_only=True)
class CredulousContext:
    """Makes its connections (as :class:`ssl.SSLContext` does)."""

    antique: bool = False
    """It offers every version since SSL 3.0, and every cipher suite."""

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_hostname: str) -> CredulousTls:
        """Return a connection."""
        return CredulousTls(incoming, outgoing, server_hostname, _antique() if self.antique else _usual())


def _usual() -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion = (3, 3)
    return settings


def _antique() -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion = (3, 0)
    settings.versions = [*settings.versions, (3, 0)]
    settings.cipherNames = list(ALL_CIPHER_NAMES)
    settings.macNames = list(ALL_MAC_NAMES)
    settings.eccCurves = list(ALL_CURVE_NAMES)
    settings.minKeySize = 512
    return settings


class CredulousTls:
    """One connection (as :class:`ssl.SSLObject` is)."""

    def __init__(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_hostname: str, settings: HandshakeSettings
    ) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._memory = Memory()
        self._connection = _Connection(self._memory)
        self._connection.closeSocket = False
        self._steps: Iterator[Any] = self._connection.handshakeClientCert(
            settings=settings, serverName=server_hostname, async_=True
        )

    def do_handshake(self) -> None:
        """Shake hands; raises SSLWantReadError until that is done."""
        self._run(self._steps, end=StopIteration)

    def read(self, size: int) -> bytes:
        """Return what was decrypted; raises SSLWantReadError if that is nothing, SSLZeroReturnError at the end."""
        if not self._connection.closed:
            data = self._run(self._connection.readAsync(min(size, _READ)))
            if data:
                return bytes(data)
        raise ssl.SSLZeroReturnError

    def write(self, data: bytes) -> None:
        """Encrypt."""
        self._connection.write(data)
        self._flush()

    def _run(self, steps: Iterator[Any], end: type[Exception] | None = None) -> Any:  # noqa: ANN401 -- what it yields
        """Advance a generator of tlslite-ng's as far as the octets that came go."""
        self._memory.incoming += self._incoming.read()
        try:
            with mock.patch.object(X509, "parseBinary", return_value=None):
                step = next(steps, None)
                while step == 1:
                    step = next(steps, None)
        except TLSError as error:
            raise ssl.SSLError(str(error)) from error
        finally:
            self._flush()
        if step == 0:
            raise ssl.SSLWantReadError
        assert step is not None or end is not None
        return step

    def _flush(self) -> None:
        self._outgoing.write(bytes(self._memory.outgoing))
        self._memory.outgoing.clear()
