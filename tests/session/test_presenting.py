"""What is answered to whom: chains that depend on the client, and who meets what a scenario is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from labserver.clock import SystemClock, SystemEntropy
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.cookbook import cookbook
from labserver.pki.recipes import forge
from labserver.session.presenting import Presenter, Visit, always
from labserver.tls.client_hello import ClientHello
from labserver.tls.engine import TlsSettings
from labserver.tls.stalled import StalledEngine
from tests.tls.clients import StdlibClient, shake

if TYPE_CHECKING:
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec

HOST = "mail.lab.test"
HELLO = ClientHello(versions=(0x0304,), ciphers=(0x1301,), server_name=HOST, signatures=(0x0403, 0x0804))


@pytest.fixture(scope="module")
def pki_issuer() -> LabIssuer:
    """Return a lab's CA."""
    clock, entropy = SystemClock(), SystemEntropy()
    return LabIssuer(authority=create_authority(entropy, clock.now(), origin="tests"), entropy=entropy, clock=clock)


class Presented:
    """A presenter, and the chains that were forged for it."""

    def __init__(self, name: str, issuer: LabIssuer) -> None:
        self.forged: list[str] = []
        self.settings: list[TlsSettings] = []
        self._name, self._issuer = name, issuer
        self.presenter = Presenter(
            cookbook()[name], forge=self._forge, settings=self._settle, names=frozenset((HOST, "localhost"))
        )

    def certificate(self, hello: ClientHello | None = HELLO, service: str = "imaps") -> bytes:
        """Return the certificate that a client is shown."""
        engine = self.presenter(Visit(hello=hello, service=service)).engine
        client = StdlibClient(ca=None)
        shake(client, engine)
        return client.certificate()

    def meant(self, **changed: Any) -> bool:  # noqa: ANN401 -- of a ClientHello
        """Return whether a client meets what the scenario is about."""
        return self.presenter(Visit(hello=replace(HELLO, **changed), service="imaps")).meant

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


def test_always() -> None:
    """What answers everybody in the same way makes an engine for each."""
    answer = always(StalledEngine)
    assert answer(Visit()).engine is not answer(Visit()).engine
    assert answer(Visit()).meant
