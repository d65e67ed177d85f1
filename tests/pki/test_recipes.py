"""Claims about certificate recipes: each chain has its one fault, and three independent programs name that fault."""

from __future__ import annotations

import re
import ssl
import subprocess
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.catalogue.entries import CATALOGUE
from labserver.clock import FixedClock, SeededEntropy, SystemClock, SystemEntropy
from labserver.errors import ConfigurationError, UnavailableError
from labserver.facets.certificate import LabCertificate, RecipeCertificate
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.profile import HOSTS, SERVER_AUTH
from labserver.pki.recipes import RECIPES, Recipe, Signer, forge, make, unavailable
from labserver.pki.trustme_issuer import TrustmeIssuer
from tests.pki.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.pki.chain import Chain

    Verify = Callable[..., subprocess.CompletedProcess[str]]

HOST = "case.lab.test"
NAMES = (*HOSTS, "case.lab.localhost", "127.66.3.4")


BY_NAME = (HOST, "case.lab.localhost", "mail.lab.test")
BY_ADDRESS = ("127.66.3.4", "::1")


@pytest.fixture(scope="module")
def forged(pki_issuer: LabIssuer) -> dict[str, Chain]:
    """Return the chain of every recipe, made now, because the programs that judge it know no other time."""
    return {
        name: forge(name, issuer=pki_issuer, entropy=SystemEntropy(), clock=SystemClock(), host=HOST, names=NAMES)
        for name in RECIPES
    }


def _repaired(chain: Chain, name: str, issuer: LabIssuer) -> Chain:
    """Return the chain of the recipe without its one difference, or what accepts the signer."""
    recipe = RECIPES[name]
    if recipe.signer in {Signer.ITSELF, Signer.STRANGER}:
        return replace(chain, anchors=(chain.certificates[-1],))
    return make(Recipe(), issuer=issuer, entropy=SystemEntropy(), clock=SystemClock(), host=HOST, names=NAMES)


def _python(chain: Chain, tmp_path: Path, host: str) -> int:
    """Let the standard library's client judge, which also looks at the name; return OpenSSL's code, 0 if accepted."""
    pair = tmp_path / "pair.pem"
    pair.write_bytes(chain.key_pem + chain.chain_pem)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(pair)
    theirs = ssl.create_default_context(cadata=chain.anchors_pem.decode("ascii"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ours.wrap_bio(to_server, to_client, server_side=True)
    client = theirs.wrap_bio(to_client, to_server, server_hostname=host)
    try:
        for side in (client, server, client):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    server.do_handshake()
    return 0


def _certtool(chain: Chain, tmp_path: Path, host: str) -> str:
    """Let GnuTLS judge; return what it says about the chain as a whole."""
    (tmp_path / "anchors.pem").write_bytes(chain.anchors_pem)
    command = ["certtool", "--verify", "--load-ca-certificate", "anchors.pem"]
    command += ["--verify-hostname", host, "--verify-purpose", SERVER_AUTH]
    process = subprocess.run(command, cwd=tmp_path, input=chain.chain_pem, capture_output=True, timeout=20, check=False)
    return process.stdout.decode().partition("Chain verification output: ")[2].strip()


def _openssl(verify: Verify, chain: Chain, host: str) -> int:
    """Let ``openssl verify`` judge strictly; return the code of the first error, 0 if accepted."""
    outcome = verify(chain, "-verify_ip" if host in BY_ADDRESS else "-verify_hostname", host)
    found = re.search(r"^error (\d+) at", outcome.stderr, re.MULTILINE)
    assert (outcome.returncode == 0) is (found is None)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("name", REFUSALS)
class TestBad:
    """A bad chain is refused for its own reason, and accepted once that is repaired."""

    @pytest.mark.parametrize("host", BY_NAME + BY_ADDRESS)
    def test_openssl(self, name: str, host: str, forged: dict[str, Chain], openssl_verify: Verify) -> None:
        """``openssl verify`` gives the error of the fault, by name and by address."""
        refusal = REFUSALS[name]
        expected = refusal.by_address if host in BY_ADDRESS else refusal.openssl
        assert _openssl(openssl_verify, forged[name], host) == expected

    @pytest.mark.parametrize("host", BY_NAME + BY_ADDRESS)
    def test_handshake(self, name: str, host: str, forged: dict[str, Chain], tmp_path: Path) -> None:
        """A client of the standard library gives the same error in a handshake."""
        refusal = REFUSALS[name]
        expected = refusal.by_address if host in BY_ADDRESS else refusal.openssl
        assert _python(forged[name], tmp_path, host) == expected

    @pytest.mark.parametrize("host", BY_NAME)
    def test_gnutls(self, name: str, host: str, forged: dict[str, Chain], tmp_path: Path) -> None:
        """GnuTLS names the fault, and no other beside it."""
        said = _certtool(forged[name], tmp_path, host)
        assert said == f"Not verified. The certificate is NOT trusted. {REFUSALS[name].gnutls}"

    @pytest.mark.parametrize("host", BY_NAME + BY_ADDRESS)
    def test_single(
        self, name: str, host: str, forged: dict[str, Chain], pki_issuer: LabIssuer, openssl_verify: Verify
    ) -> None:
        """Without the recipe's one difference, or with its signer trusted, the chain is accepted."""
        assert _openssl(openssl_verify, _repaired(forged[name], name, pki_issuer), host) == 0

    def test_one_difference(self, name: str) -> None:
        """A recipe differs from a good certificate in one field."""
        good = Recipe()
        assert sum(getattr(RECIPES[name], field.name) != getattr(good, field.name) for field in fields(Recipe)) == 1

    def test_trusting(self, name: str, forged: dict[str, Chain], pki_issuer: LabIssuer) -> None:
        """What the client is told to trust is the lab's root."""
        assert forged[name].anchors == pki_issuer.anchors

    def test_repeated(self, name: str) -> None:
        """A seed gives the same chain again, whatever was made before it."""
        first, second = _seeded(), _seeded()
        for other in RECIPES:
            _forge(other, second, host="other.lab.test")
        assert _forge(name, first).certificates == _forge(name, second).certificates


@pytest.mark.parametrize("host", BY_NAME + BY_ADDRESS)
def test_trustme(host: str, forged: dict[str, Chain], pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """The control is accepted by clients that trust its own CA, and by no others."""
    chain = forged["good-trustme"]
    assert _python(chain, tmp_path, host) == 0
    assert _python(replace(chain, anchors=pki_issuer.anchors), tmp_path, host) == 20


def test_catalogue() -> None:
    """There is a recipe for every scenario of the catalogue that names one, and none beside them."""
    certificates = (scenario.facets.certificate for scenario in CATALOGUE.written.values())
    named = [certificate.recipe for certificate in certificates if isinstance(certificate, RecipeCertificate)]
    assert sorted([*named, LabCertificate.recipe]) == sorted(RECIPES)


def test_every_fault_has_a_name() -> None:
    """Each recipe is either good, or refused for a reason that is written down in tests/pki/refusals.py."""
    assert {name for name in RECIPES if not name.startswith("good")} == REFUSALS.keys()


def test_expired_within_its_issuer(pki_clock: FixedClock) -> None:
    """The expired leaf ended yesterday, and began no earlier than the CA that signed it."""
    leaf, intermediate = map(x509.load_der_x509_certificate, _forge("expired", _seeded(pki_clock)).certificates)
    assert leaf.not_valid_after_utc == datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    assert leaf.not_valid_before_utc >= intermediate.not_valid_before_utc
    assert intermediate.not_valid_after_utc > pki_clock.now() + timedelta(days=20)


def test_self_signed_is_no_authority() -> None:
    """The self-signed certificate is sent alone, by its own name, and may sign nothing."""
    (der,) = _forge("self-signed", _seeded()).certificates
    leaf = x509.load_der_x509_certificate(der)
    leaf.verify_directly_issued_by(leaf)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_untrusted_root_is_sent() -> None:
    """The unknown root comes along in last place, and shares neither name nor key with the lab's."""
    issuer = _seeded()
    last = x509.load_der_x509_certificate(_forge("untrusted-root", issuer).certificates[-1])
    ours = x509.load_der_x509_certificate(issuer.authority.root)
    last.verify_directly_issued_by(last)
    assert last.subject != ours.subject
    assert last.public_key() != ours.public_key()


def test_unknown() -> None:
    """A recipe that does not exist is an operator's mistake, answered with those that do."""
    with pytest.raises(ConfigurationError, match="no certificate recipe 'nonesuch': there are good, good-"):
        _forge("nonesuch", _seeded())


@pytest.mark.parametrize("name", ["expired", "untrusted-root"])
def test_outside_the_constraints(name: str) -> None:
    """A name outside the CA's constraints is refused, since the constraints would be a second fault."""
    with pytest.raises(ConfigurationError, match=r"may not vouch for 'mail.invented.net'"):
        _forge(name, _seeded(), host="mail.invented.net")


def test_wrong_host_is_right() -> None:
    """A lab that is reached by the very name that was to be the wrong one says so."""
    with pytest.raises(ConfigurationError, match=r"reached as mail.other.example"):
        _forge("wrong-host", _seeded(), host="mail.other.example")


def test_another_issuer(pki_clock: FixedClock) -> None:
    """The CA of trustme makes no faulty leaf, but the faults that need no CA of ours are the same under it."""
    trustme = TrustmeIssuer(clock=pki_clock)
    with pytest.raises(UnavailableError, match="leave --issuer out"):
        forge("expired", issuer=trustme, entropy=SeededEntropy("x"), clock=pki_clock, host=HOST)
    chain = forge("untrusted-root", issuer=trustme, entropy=SeededEntropy("x"), clock=pki_clock, host=HOST)
    assert chain.anchors == trustme.anchors


@pytest.mark.parametrize("name", RECIPES)
def test_unavailable(name: str, pki_clock: FixedClock) -> None:
    """What an issuer is said not to be able to make is what it refuses to make."""
    trustme = TrustmeIssuer(clock=pki_clock)
    assert unavailable(name, _seeded()) is None
    reason = unavailable(name, trustme)
    with nullcontext() if reason is None else pytest.raises(UnavailableError, match=f"^{re.escape(reason)}$"):
        forge(name, issuer=trustme, entropy=SeededEntropy("x"), clock=pki_clock, host=HOST, names=NAMES)


def _seeded(clock: FixedClock | None = None) -> LabIssuer:
    clock, entropy = clock or FixedClock(), SeededEntropy("recipes")
    authority = create_authority(entropy, clock.now(), origin="tests")
    return LabIssuer(authority=authority, entropy=entropy, clock=clock)


def _forge(name: str, issuer: LabIssuer, *, host: str = HOST) -> Chain:
    return forge(name, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=host, names=NAMES)
