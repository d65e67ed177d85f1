"""Claims about what this host can present: it is asked as a client would ask that takes everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.clock import SystemClock, SystemEntropy
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge
from labserver.tls.client_hello import ClientHello, ClientHelloReader
from labserver.tls.engine import TlsSettings, make_engines
from labserver.tls.probe import unpresentable
from labserver.tls.stalled import StalledEngine
from tests.tls.clients import NAME

if TYPE_CHECKING:
    import trustme

    from labserver.pki.specification import ChainSpec
    from labserver.tls.engine import EngineName

DEMANDING = [spec for spec in all_recipes().values() if spec.demanding]


@pytest.fixture(scope="module")
def issuer() -> LabIssuer:
    """Return a lab's CA."""
    clock, entropy = SystemClock(), SystemEntropy()
    authority = create_authority(entropy, clock.now(), origin="tests")
    return LabIssuer(authority=authority, entropy=entropy, clock=clock)


def _settings(spec: ChainSpec, issuer: LabIssuer) -> TlsSettings:
    chain = forge(spec.id, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=NAME)
    return TlsSettings(
        certificate_chain=chain.chain_pem, private_key=chain.key_pem, weak=spec.weak, maximum=spec.newest
    )


@pytest.mark.parametrize("spec", DEMANDING, ids=[spec.id for spec in DEMANDING])
def test_presentable(spec: ChainSpec, issuer: LabIssuer) -> None:
    """Here, everything can be presented that not every host can."""
    assert unpresentable(_settings(spec, issuer), spec.engine) is None


@pytest.mark.parametrize("engine", ["stdlib", "openssl"])
def test_wrong_key(engine: EngineName, issuer: LabIssuer, authority: trustme.CA) -> None:
    """What the library refuses to load is the reason."""
    settings = _settings(all_recipes()["ecc256"], issuer)
    other = TlsSettings(
        certificate_chain=settings.certificate_chain,
        private_key=authority.issue_cert(NAME).private_key_pem.bytes(),
    )
    reason = unpresentable(other, engine)
    assert reason is not None
    assert reason.startswith(f"This host cannot present such a certificate with the {engine} engine: ")
    assert "key values mismatch" in reason


def test_no_suite(issuer: LabIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is that the library has loaded it in vain."""
    monkeypatch.setattr("labserver.tls.engine.LEGACY_CIPHERS", "DEFAULT:@SECLEVEL=0")
    reason = unpresentable(_settings(all_recipes()["dsa-leaf"], issuer), "stdlib")
    assert reason == "This host cannot present such a certificate with the stdlib engine: no shared cipher."


def test_hello(monkeypatch: pytest.MonkeyPatch, tls_settings: TlsSettings) -> None:
    """The ClientHello is one, and says what it is to say."""
    heard: list[bytes] = []

    class Listening(StalledEngine):
        """Takes note of what it is sent."""

        def receive(self, data: bytes) -> None:
            """Take octets."""
            heard.append(data)

    monkeypatch.setattr("labserver.tls.probe.make_engines", lambda *_: Listening)
    assert unpresentable(tls_settings, "stdlib") is None
    hello = ClientHelloReader().receive(heard[0])
    assert isinstance(hello, ClientHello)
    assert hello.versions == (0x0304, 0x0303)
    assert {19, 21, 22, 26, 29} <= set(hello.groups)
    assert {10, 13, 43, 51} <= set(hello.extensions)
    monkeypatch.undo()
    engine = make_engines("stdlib", tls_settings)()
    engine.receive(heard[0])
    engine.decrypted()
    assert engine.failure is None
    assert engine.outgoing()
