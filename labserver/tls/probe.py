"""Whether this host can serve what is asked: found by doing it once, in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.tls.diffie_hellman import WEAK
from labserver.tls.engine import make_engines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from OpenSSL import SSL

    from labserver.tls.engine import EngineName, TlsEngine, TlsSettings

__all__ = ["first_available", "unavailable", "unpresentable"]

_FLIGHTS = 3
"""A full handshake of TLS 1.0 takes two from the client; a HelloRetryRequest of TLS 1.3 costs one more."""
_READ = 1 << 16
_GROUPS = (29, 23, 24, 25, 19, 21, 22, 26)
"""X25519, P-256, P-384, P-521, and what servers have given up since: P-192, P-224, secp256k1, brainpoolP256r1."""
_SCHEMES = (
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808),  # ECDSA, EdDSA
    *(
        0x0804,
        0x0805,
        0x0806,
        0x0809,
        0x080A,
        0x080B,
        0x0401,
        0x0501,
        0x0601,
    ),  # RSA: PSS by either key, PKCS #1
    *(0x0402, 0x0302),  # DSA
    *(0x0904, 0x0905, 0x0906),  # ML-DSA
)
_SUITES = (0x1301, 0xC02B, 0xC02F, 0x00A2)
"""AES128-GCM-SHA256: of TLS 1.3; with ECDHE and ECDSA, ECDHE and RSA, DHE and DSS."""


def unavailable(settings: TlsSettings, engine: EngineName) -> str | None:
    """Return why ``engine`` cannot serve ``settings`` on this host, a sentence; None if it can.

    The client is always the cryptography wheel's OpenSSL: what a host's policy forbids, it forbids the server only.
    tlslite-ng is the same on every host, and serves what that client does not know; there is nothing to be asked.
    """
    versions = " to ".join(dict.fromkeys((settings.minimum, settings.maximum)))
    refused = f"This host's OpenSSL does not serve {versions} with the {engine} engine"
    try:
        make_engines(engine, settings)()
        if engine == "tlslite":
            return None
        make = make_engines(engine, replace(settings, client_anchors=b"", client_required=False))
        clients = [_client(settings, version) for version in dict.fromkeys((settings.minimum, settings.maximum))]
    except (ConfigurationError, ValueError) as error:  # ValueError: ssl was built without that version
        return f"{refused}: {error}"
    reason = ""
    for client in clients:
        server = make()
        reason = "" if client is None else _handshake(client, server)
        if client is None or server.established:
            return None
    return f"{refused}: {reason}."


def first_available(names: Iterable[EngineName], settings: TlsSettings) -> EngineName:
    """Return the first of these engines that serves ``settings`` on this host.

    Raises ConfigurationError, with the reason of each, if none does.
    """
    reasons = []
    for name in names:
        reason = unavailable(settings, name)
        if reason is None:
            return name
        reasons.append(reason)
    raise ConfigurationError(" ".join(reasons))


def unpresentable(settings: TlsSettings, engine: EngineName) -> str | None:
    """Return why ``engine`` does not present the chain of ``settings`` on this host, a sentence; None if it does.

    It is asked by a ClientHello that offers whatever a certificate of these recipes needs: a curve that a build of
    OpenSSL has left out, a kind of key that its policy forbids, shows itself then.
    """
    refused = f"This host cannot present such a certificate with the {engine} engine"
    try:
        server = make_engines(engine, settings)()
    except ConfigurationError as error:
        return f"{refused}: {error}"
    server.receive(_hello())
    server.decrypted()
    return None if server.failure is None else f"{refused}: {server.failure.reason}."


def _hello() -> bytes:
    """Return a ClientHello of TLS 1.3 and 1.2 in its record (RFC 8446 4.1.2), which nobody will go on with."""
    share = (29).to_bytes(2) + _vector(2, bytes(range(32)))
    extensions = {
        10: _vector(2, _numbers(_GROUPS)),
        11: _vector(1, b"\0"),
        13: _vector(2, _numbers(_SCHEMES)),
        43: _vector(1, _numbers((0x0304, 0x0303))),
        51: _vector(2, share),
    }
    body = b"\x03\x03" + bytes(32) + _vector(1, b"") + _vector(2, _numbers(_SUITES)) + _vector(1, b"\0")
    body += _vector(2, b"".join(kind.to_bytes(2) + _vector(2, content) for kind, content in extensions.items()))
    return b"\x16\x03\x01" + _vector(2, b"\x01" + _vector(3, body))


def _vector(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width) + content


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)


def _client(settings: TlsSettings, version: str) -> SSL.Connection | None:
    """Return a client of one version, since that is what a host may have given up, that offers all the rest.

    None if it does not know a group: that one is no OpenSSL's but the host's, and was taken by it.
    """
    from OpenSSL import SSL  # noqa: PLC0415 -- only when there is something to probe

    from labserver.tls.openssl import PROTOCOL_VERSIONS, agree_on  # noqa: PLC0415 -- the same

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(PROTOCOL_VERSIONS[version])
    context.set_max_proto_version(PROTOCOL_VERSIONS[version])
    if settings.cipher_list:
        context.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    try:
        curves = tuple(name for name in settings.groups if name not in WEAK)
        agree_on(context, groups=curves, signatures=settings.signatures)
    except ConfigurationError:
        return None
    client = SSL.Connection(context, None)
    client.set_connect_state()
    return client


def _handshake(client: SSL.Connection, server: TlsEngine) -> str:
    """Carry the flights to and fro; return why it did not end."""
    from OpenSSL import SSL  # noqa: PLC0415 -- loaded already

    for _ in range(_FLIGHTS):
        try:
            client.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            return f"the client says {error}"
        try:
            server.receive(client.bio_read(_READ))
        except SSL.WantReadError:
            return "the client has nothing more to say"
        server.decrypted()
        if server.failure is not None:
            return server.failure.reason
        if server.established:
            break
        client.bio_write(server.outgoing())
    return "the handshake does not end"
