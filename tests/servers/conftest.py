"""Fixtures of the server tests: a lab's parts without I/O, time that stands still, and something to present in TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import trustme

from labserver.tls.engine import TlsSettings, make_engines
from tests.servers.line import Loop
from tests.session.playbook import Building
from tests.tls.clients import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine


@pytest.fixture
def building() -> Building:
    """Return a lab's parts without I/O, from which a test opens sessions."""
    return Building()


@pytest.fixture
def loop(building: Building, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """Return an event loop whose time is the test's."""
    made = Loop(building)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


@pytest.fixture(scope="session")
def served_authority() -> trustme.CA:
    """Return the CA of what is served."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="session")
def served_settings(served_authority: trustme.CA) -> TlsSettings:
    """Return what is served."""
    leaf = served_authority.issue_cert(NAME, key_type=trustme.KeyType.ECDSA)
    return TlsSettings(
        certificate_chain=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
        private_key=leaf.private_key_pem.bytes(),
    )


@pytest.fixture(params=["openssl", "stdlib"])
def make_engine(request: pytest.FixtureRequest, served_settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Return a maker of engines, of each kind."""
    return make_engines(request.param, served_settings)
