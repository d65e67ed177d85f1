"""Whether this host can serve what is asked: found by doing it once, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.tls.engine import LEGACY_CIPHERS, make_engines

if TYPE_CHECKING:
    from OpenSSL import SSL

    from labserver.tls.engine import EngineName, TlsEngine, TlsSettings

__all__ = ["unavailable"]

_FLIGHTS = 3
"""A full handshake of TLS 1.0 takes two from the client; a HelloRetryRequest of TLS 1.3 costs one more."""
_READ = 1 << 16


def unavailable(settings: TlsSettings, engine: EngineName) -> str | None:
    """Return why ``engine`` cannot serve ``settings`` on this host, a sentence; None if it can.

    The client is always the cryptography wheel's OpenSSL: what a host's policy forbids, it forbids the server only.
    """
    versions = " to ".join(dict.fromkeys((settings.minimum, settings.maximum)))
    refused = f"This host's OpenSSL does not serve {versions} with the {engine} engine"
    try:
        server = make_engines(engine, settings)()
    except (ConfigurationError, ValueError) as error:  # ValueError: ssl was built without that version
        return f"{refused}: {error}"
    reason = _handshake(_client(settings), server)
    return None if server.established else f"{refused}: {reason}."


def _client(settings: TlsSettings) -> SSL.Connection:
    """Return a client of the oldest version, since that is what a host may have given up."""
    from OpenSSL import SSL  # noqa: PLC0415 -- only when there is something to probe

    from labserver.tls.openssl import PROTOCOL_VERSIONS  # noqa: PLC0415 -- the same

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(PROTOCOL_VERSIONS[settings.minimum])
    context.set_max_proto_version(PROTOCOL_VERSIONS[settings.minimum])
    if settings.legacy:
        context.set_cipher_list(LEGACY_CIPHERS.encode("ascii"))
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
