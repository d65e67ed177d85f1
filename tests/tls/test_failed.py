"""Claims about the engine for what cannot be served: one alert, a reason, and nothing else."""

from __future__ import annotations

from OpenSSL import SSL

from labserver.tls.failed import FailedEngine
from tests.tls.clients import OpensslClient, shake


def test_fails_with_an_alert() -> None:
    """A client is told ``internal_error`` in clear; the reason is the one given."""
    engine, client = FailedEngine("no such thing here"), OpensslClient(version=SSL.TLS1_2_VERSION)
    assert shake(client, engine) == (b"", b"")
    assert "internal error" in client.error
    assert not engine.established
    assert engine.failure is not None
    assert engine.failure.reason == "no such thing here"


def test_says_nothing_else() -> None:
    """What is to be sent is dropped, and there is nobody on the other side."""
    engine = FailedEngine("no")
    engine.outgoing()
    engine.send(b"secret")
    engine.shutdown()
    assert engine.outgoing() == b""
    assert engine.client_certificate is None
    assert engine.facts().engine == "failed"
