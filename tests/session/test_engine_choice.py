"""What is answered to whom: chains that depend on the client, and who meets what a scenario is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from labserver.clock import SystemClock, SystemEntropy
from labserver.misbehaviours.presentation import AS_USUAL, Presentation
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.chain import certificates_pem
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge
from labserver.pki.specification import ENGINES
from labserver.session.engine_choice import ChainEngines, RecipeEngines, Visit, always
from labserver.tls.client_hello import ClientHello
from labserver.tls.engine import TlsSettings
from labserver.tls.failed import FailedEngine
from labserver.tls.stalled import StalledEngine
from tests.tls.clients import Client, StdlibClient, TlsliteClient, shake

if TYPE_CHECKING:
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec
    from labserver.tls.engine import TlsEngine

HOST = "mail.lab.test"
HELLO = ClientHello(versions=(0x0304,), ciphers=(0x1301,), server_name=HOST, signatures=(0x0403, 0x0804))


@pytest.fixture(scope="module")
def pki_issuer() -> LabIssuer:
    """Return a lab's CA."""
    clock, entropy = SystemClock(), SystemEntropy()
    return LabIssuer(authority=create_authority(entropy, clock.now(), origin="tests"), entropy=entropy, clock=clock)


class Presented:
    """Engines of a recipe, and the chains that were forged for it."""

    def __init__(self, name: str, issuer: LabIssuer) -> None:
        self.forged: list[str] = []
        self.settings: list[TlsSettings] = []
        self._name, self._issuer = name, issuer
        self.engines = RecipeEngines(
            all_recipes()[name], forge=self._forge, settings=self._settle, names=frozenset((HOST, "localhost"))
        )

    def certificate(self, hello: ClientHello | None = HELLO, service: str = "imaps") -> bytes:
        """Return the certificate that a client is shown."""
        engine = self.engines(Visit(hello=hello, service=service)).engine
        client = StdlibClient(ca=None)
        shake(client, engine)
        return client.certificate()

    def meant(self, **changed: Any) -> bool:  # noqa: ANN401 -- of a ClientHello
        """Return whether a client meets what the scenario is about."""
        return self.engines(Visit(hello=replace(HELLO, **changed), service="imaps")).meant

    def _forge(self, form: ChainSpec | None, occasion: str) -> Chain:
        self.forged.append(occasion)
        issuer = self._issuer
        entropy, clock = issuer.entropy, issuer.clock
        return forge(self._name, issuer=issuer, entropy=entropy, clock=clock, host=HOST, form=form, occasion=occasion)

    def _settle(self, chain: Chain) -> TlsSettings:
        return TlsSettings(certificate_chain=chain.chain_pem, private_key=chain.key_pem, staple=chain.staple)


def test_once(pki_issuer: LabIssuer) -> None:
    """Usually a chain is made at the first use, and kept."""
    presented = Presented("pinning-test", pki_issuer)
    assert presented.forged == []
    assert presented.certificate() == presented.certificate(service="pop3s")
    assert presented.forged == [""]


def test_each_connection(pki_issuer: LabIssuer) -> None:
    """A chain that is made anew for each connection is another one in each."""
    presented = Presented("cert-rotates-each-connection", pki_issuer)
    assert len({presented.certificate() for _ in range(3)}) == 3
    assert presented.forged == ["connection 1", "connection 2", "connection 3"]


def test_each_service(pki_issuer: LabIssuer) -> None:
    """One that is made anew for each service is the same on the same service."""
    presented = Presented("cert-differs-between-services", pki_issuer)
    assert presented.certificate() == presented.certificate() != presented.certificate(service="pop3s")
    assert presented.forged == ["service imaps", "service pop3s"]


@pytest.mark.parametrize(
    ("name", "others"),
    [(HOST, False), (f"{HOST.upper()}.", False), ("localhost", False), ("elsewhere.lab.test", True), ("", True)],
)
def test_by_name(pki_issuer: LabIssuer, name: str, *, others: bool) -> None:
    """Who asks for a name of the server's, however spelled, gets its certificate; whoever does not, the other one."""
    presented = Presented("sni-selects-cert", pki_issuer)
    presented.certificate(replace(HELLO, server_name=name))
    assert presented.forged == (["other"] if others else [""])


def test_by_signature(pki_issuer: LabIssuer) -> None:
    """Who offers to verify no ECDSA gets the other certificate; whose offer is unknown, the usual one."""
    presented = Presented("dual-rsa-ecdsa", pki_issuer)
    both = {presented.certificate(), presented.certificate(None)}
    assert len(both) == 1
    assert presented.certificate(replace(HELLO, signatures=(0x0804, 0x0401))) not in both
    assert presented.forged == ["", "other"]


@pytest.mark.parametrize(
    ("name", "changed", "meant"),
    [
        ("pinning-test", {}, True),
        ("certificate-compression", {"compressions": (1,)}, True),
        ("certificate-compression", {"compressions": (2, 3)}, False),
        ("certificate-compression", {"compressions": (1,), "versions": (0x0303,)}, False),
        ("delegated-credential-expired", {"extensions": (34,)}, True),
        ("delegated-credential-expired", {}, False),
        ("ocsp-stapled-revoked", {"extensions": (5,)}, True),
        ("ocsp-stapled-revoked", {"extensions": (17,)}, False),
        ("must-staple-missing", {"extensions": (5,)}, True),
        ("must-staple-missing", {}, False),
        ("raw-public-key", {"certificate_types": (2, 0), "extensions": (20,)}, True),
        ("raw-public-key", {"certificate_types": (0,), "extensions": (20,)}, False),
        ("sigalg-not-offered", {}, True),
        ("sigalg-not-offered", {"signatures": (0x0101,)}, False),
        ("sni-unrecognized-name", {}, True),
        ("sni-unrecognized-name", {"server_name": ""}, False),
    ],
)
def test_meant(pki_issuer: LabIssuer, name: str, changed: dict[str, Any], *, meant: bool) -> None:
    """Some presentations have nothing to do with some clients."""
    assert Presented(name, pki_issuer).meant(**changed) is meant


@pytest.mark.parametrize(("name", "good"), [("rsa2048", True), ("rsa1024", False)])
def test_good(pki_issuer: LabIssuer, name: str, *, good: bool) -> None:
    """A certificate that is only there for the sake of its key is no fault."""
    presented = Presented(name, pki_issuer)
    assert presented.engines(Visit(hello=HELLO, service="imaps")).good is good


def test_always() -> None:
    """What answers everybody in the same way makes an engine for each."""
    answer = always(StalledEngine)
    assert answer(Visit()).engine is not answer(Visit()).engine
    assert answer(Visit()).meant


def _settings(issuer: LabIssuer, recipe: str) -> TlsSettings:
    chain = forge(recipe, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=HOST)
    return TlsSettings(certificate_chain=chain.chain_pem, private_key=chain.key_pem)


def _met(presented: ChainEngines | RecipeEngines, presentation: Presentation, client: Client) -> TlsEngine:
    engine = presented(Visit(hello=HELLO, service="imaps", presentation=presentation)).engine
    shake(client, engine)
    return engine


RC4 = Presentation(ciphers="RC4-SHA", maximum="TLSv1.2")


def test_presentations(pki_issuer: LabIssuer) -> None:
    """One chain is served in several ways: as usual by the usual engine, otherwise by one that can."""
    presented = ChainEngines(_settings(pki_issuer, "rsa2048"), engine="stdlib", anchors=b"", others=ENGINES)
    usual = _met(presented, AS_USUAL, StdlibClient(ca=None))
    weak = _met(presented, RC4, TlsliteClient(versions=(1, 3)))
    narrow = _met(presented, Presentation(groups=("P-521", "P-384")), StdlibClient(ca=None))
    assert (usual.facts().engine, usual.facts().version) == ("stdlib", "TLSv1.3")
    assert (weak.facts().engine, weak.facts().cipher) == ("tlslite", "RC4-SHA")
    assert (narrow.facts().engine, narrow.facts().group) == ("openssl", "secp521r1")
    assert isinstance(presented.maker(Presentation(stalled=True))(), StalledEngine)
    assert presented.maker(RC4) is presented.maker(replace(RC4))


def test_what_cannot_be_presented(pki_issuer: LabIssuer) -> None:
    """What no engine can do with a chain is told before, and in place of the handshake."""
    presented = ChainEngines(_settings(pki_issuer, "pinning-test"), engine="stdlib", anchors=b"", others=ENGINES)
    assert presented.obstacle(Presentation(ciphers="ECDHE-ECDSA-RC4-SHA", maximum="TLSv1.2")) is None
    reason = presented.obstacle(RC4)
    assert reason is not None
    assert "a key of ecdsa is of no use to the suites RC4-SHA" in reason
    engine = _met(presented, RC4, TlsliteClient(versions=(1, 3)))
    assert isinstance(engine, FailedEngine)
    assert engine.failure is not None
    assert engine.failure.reason == reason


def test_a_recipe_and_a_presentation(pki_issuer: LabIssuer) -> None:
    """A faulty certificate is served with faulty TLS, too; the chain is made once."""
    presented = Presented("rsa1024", pki_issuer)
    engine = _met(presented.engines, RC4, client := TlsliteClient(versions=(1, 3)))
    assert engine.facts().cipher == "RC4-SHA"
    leaf = client.certificate()
    assert x509.load_der_x509_certificate(leaf).public_key().key_size == 1024  # type: ignore[union-attr]  # an RSA key has a size
    assert presented.engines.obstacle(RC4) is None


def test_a_client_certificate(pki_issuer: LabIssuer) -> None:
    """A certificate that is required is judged by the lab's CA; a client without one is refused."""
    anchors = certificates_pem(pki_issuer.authorities)
    presented = ChainEngines(_settings(pki_issuer, "rsa2048"), engine="tlslite", anchors=anchors, others=ENGINES)
    engine = _met(presented, Presentation(client_certificate="required"), StdlibClient(ca=None))
    assert engine.failure is not None
    assert "peer did not return a certificate" in engine.failure.reason
    asked = _met(presented, Presentation(client_certificate="asked"), StdlibClient(ca=None))
    assert asked.established
