"""Claims about the engine that never answers."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from labserver.tls.stalled import StalledEngine
from tests.tls.clients import NAME

if TYPE_CHECKING:
    from labserver.tls.engine import TlsEngine


def test_never_answers() -> None:
    """A ClientHello is taken and nothing comes back, whatever either side does: no answer, failure or goodbye."""
    engine: TlsEngine = StalledEngine()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    engine.receive(outgoing.read())
    engine.send(b"* OK ready\r\n")
    engine.shutdown()
    assert engine.decrypted() == engine.outgoing() == b""
    assert (engine.established, engine.peer_closed, engine.failure) == (False, False, None)
    assert (engine.binding("tls-exporter"), engine.client_certificate, engine.facts().version) == (None, None, "")


def test_keeps_nothing() -> None:
    """A client that floods it costs no memory: there is no place to put anything."""
    engine = StalledEngine()
    engine.receive(bytes(1 << 20))
    assert vars(engine) == {}
