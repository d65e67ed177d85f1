"""Claims about the lab's CA: what its certificates say, what clients make of them, and that a seed repeats them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from labserver.clock import FixedClock, SeededEntropy
from labserver.errors import ConfigurationError
from labserver.pki.authority import (
    EPHEMERAL_LIFETIME,
    KEPT_LIFETIME,
    LabIssuer,
    create_authority,
    derive_key,
    issue,
)
from labserver.pki.permitted import LAB
from labserver.pki.profile import HOSTS, client_profile, server_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.clock import Clock
    from labserver.pki.chain import Chain

    Verify = Callable[..., subprocess.CompletedProcess[str]]

EXTENSIONS = {
    "root": {"basicConstraints!", "keyUsage!", "nameConstraints!", "subjectKeyIdentifier"},
    "intermediate": {
        "basicConstraints!",
        "keyUsage!",
        "nameConstraints!",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
    },
    "leaf": {
        "basicConstraints!",
        "keyUsage!",
        "extendedKeyUsage",
        "subjectAltName",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
    },
}
"""Each certificate's extensions; ``!`` is critical."""


def parsed(chain: Chain) -> dict[str, x509.Certificate]:
    """Return a chain's certificates by their places."""
    ders = {"root": chain.anchors[0], "intermediate": chain.intermediates[0], "leaf": chain.leaf}
    return {place: x509.load_der_x509_certificate(der) for place, der in ders.items()}


def seeded(seed: str, clock: Clock) -> LabIssuer:
    """Return a reproducible issuer."""
    entropy = SeededEntropy(seed)
    authority = create_authority(entropy, clock.now(), origin="nowhere")
    return LabIssuer(authority=authority, entropy=entropy, clock=clock)


@pytest.mark.parametrize("place", EXTENSIONS)
def test_every_certificate_is_plain_modern_x509(pki_chain: Chain, place: str) -> None:
    """Version 3, P-256, ECDSA with SHA-256, a positive serial of 16 octets, exactly the extensions of the table."""
    certificate = parsed(pki_chain)[place]
    key = certificate.public_key()
    assert certificate.version is x509.Version.v3
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert certificate.serial_number.bit_length() == 127  # DER: sixteen octets, the first bit clear
    extensions = {f"{item.oid._name}{'!' * item.critical}" for item in certificate.extensions}  # noqa: SLF001 -- its only name
    assert extensions == EXTENSIONS[place]


def test_authorities_are_constrained(pki_chain: Chain) -> None:
    """Both CAs may sign certificates and CRLs for lab names only; the intermediate only leaves for TLS, and OCSP."""
    chain = parsed(pki_chain)
    for place, path_length in (("root", None), ("intermediate", 0)):
        extensions = chain[place].extensions
        assert extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
            ca=True, path_length=path_length
        )
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, place == "intermediate")
        constraints = extensions.get_extension_for_class(x509.NameConstraints).value
        assert [str(subtree.value) for subtree in constraints.permitted_subtrees or ()] == str(LAB).split(", ")
        assert constraints.excluded_subtrees is None
    purposes = chain["intermediate"].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def test_the_leaf_is_a_server_for_every_host(pki_chain: Chain) -> None:
    """Its common name is the host, which comes first among its names; it is no CA, signs handshakes, serves TLS."""
    leaf = parsed(pki_chain)["leaf"]
    extensions = leaf.extensions
    assert leaf.subject.rfc4514_string() == "CN=lab.test,O=labserver"
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["lab.test", *(host for host in HOSTS if host != "lab.test")]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, False, False)
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_key_identifiers_link_the_chain(pki_chain: Chain) -> None:
    """Each certificate's authority key identifier is its issuer's subject key identifier, and the names link too."""
    chain = parsed(pki_chain)
    for place, issuer in (("leaf", "intermediate"), ("intermediate", "root")):
        identifier = chain[place].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert identifier == chain[issuer].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        chain[place].verify_directly_issued_by(chain[issuer])
    chain["root"].verify_directly_issued_by(chain["root"])


def test_dates(pki_clock: FixedClock) -> None:
    """A day of grace before, 30 days for a CA of one run, both ends counted; its leaf never outlives it."""
    chain = parsed(seeded("dates", pki_clock).issue_server("lab.test"))
    second = timedelta(seconds=1)
    for certificate in chain.values():
        assert certificate.not_valid_before_utc == datetime(2026, 11, 22, tzinfo=UTC)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc + second == EPHEMERAL_LIFETIME


def test_a_kept_ca_lives_a_year_and_its_leaf_90_days(pki_clock: FixedClock) -> None:
    """The leaf's lifetime stays under what any client accepts, however long the CA's is."""
    entropy = SeededEntropy("kept")
    authority = create_authority(entropy, pki_clock.now(), origin="nowhere", lifetime=KEPT_LIFETIME)
    chain = parsed(issue(authority, server_profile("lab.test"), entropy=entropy, now=pki_clock.now()))
    spans = {place: item.not_valid_after_utc - item.not_valid_before_utc for place, item in chain.items()}
    assert spans["root"] == spans["intermediate"] == timedelta(days=365, seconds=-1)
    assert spans["leaf"] == timedelta(days=90, seconds=-1)


def test_a_time_zone_changes_nothing(pki_clock: FixedClock) -> None:
    """Midnight is UTC's, whatever zone the clock speaks in."""
    expected = seeded("zone", pki_clock).issue_server("lab.test")
    pki_clock.moment = pki_clock.moment.astimezone(datetime.strptime("+0900", "%z").tzinfo)
    assert seeded("zone", pki_clock).issue_server("lab.test") == expected


def test_the_roots_key_is_forgotten(pki_issuer: LabIssuer) -> None:
    """What remains of a CA holds one private key, the intermediate's, and prints none."""
    key = load_der_private_key(pki_issuer.authority.key, None)
    root = x509.load_der_x509_certificate(pki_issuer.authority.root)
    intermediate = x509.load_der_x509_certificate(pki_issuer.authority.intermediate)
    assert key.public_key() == intermediate.public_key()
    assert key.public_key() != root.public_key()
    assert repr(pki_issuer.authority.key) not in repr(pki_issuer)


def test_two_labs_never_share_a_ca_name(pki_clock: FixedClock) -> None:
    """Two CAs of one host differ in name, so that a client never tries one's key on the other's signature."""
    first, second = (parsed(seeded(seed, pki_clock).issue_server("lab.test")) for seed in ("a", "b"))
    for place in ("root", "intermediate"):
        assert first[place].subject != second[place].subject
        assert "nowhere" in first[place].subject.rfc4514_string()


def test_a_long_origin_is_cut(pki_clock: FixedClock) -> None:
    """A host name of any length leaves a common name within RFC 5280's 64 characters."""
    authority = create_authority(SeededEntropy("long"), pki_clock.now(), origin="h" * 200)
    (name,) = x509.load_der_x509_certificate(authority.root).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert len(name.value) == 64


@pytest.mark.parametrize("host", ["lab.test", "localhost", "imap.lab.localhost", "mail", "labserver"])
def test_openssl_accepts_every_name(pki_chain: Chain, openssl_verify: Verify, host: str) -> None:
    """A strict OpenSSL accepts the chain for each of the lab's names, wildcards included."""
    result = openssl_verify(pki_chain, "-purpose", "sslserver", "-verify_hostname", host)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_openssl_accepts_the_addresses(pki_chain: Chain, openssl_verify: Verify, address: str) -> None:
    """A strict OpenSSL accepts the chain for both loopback addresses."""
    assert openssl_verify(pki_chain, "-purpose", "sslserver", "-verify_ip", address).returncode == 0


@pytest.mark.parametrize("host", ["mail.example.com", "gmail.com", "10.0.0.1", "2001:db8::1"])
def test_openssl_rejects_a_leaf_outside_the_constraints(
    pki_issuer: LabIssuer, openssl_verify: Verify, host: str
) -> None:
    """Whoever steals the CA's key gains nothing: a client refuses what it signs for other names."""
    profile = server_profile(host, ())
    chain = issue(pki_issuer.authority, profile, entropy=pki_issuer.entropy, now=pki_issuer.clock.now())
    result = openssl_verify(chain, "-purpose", "sslserver")
    assert result.returncode != 0
    assert "permitted subtree violation" in result.stderr


def test_openssl_rejects_a_ca_below_the_intermediate(pki_issuer: LabIssuer, openssl_verify: Verify) -> None:
    """The intermediate signs leaves only: a CA below it is one too many."""
    profile = replace(server_profile("lab.test", ()), authority=True, key_usage=("key_cert_sign",))
    below = issue(pki_issuer.authority, profile, entropy=pki_issuer.entropy, now=pki_issuer.clock.now())
    lower = replace(pki_issuer.authority, intermediate=below.leaf, key=below.key)
    leaf = issue(lower, server_profile("lab.test", ()), entropy=pki_issuer.entropy, now=pki_issuer.clock.now())
    result = openssl_verify(replace(leaf, intermediates=(below.leaf, *below.intermediates)), "-purpose", "sslserver")
    assert result.returncode != 0
    assert "path length constraint exceeded" in result.stderr


def test_only_elliptic_curve_keys_issue(pki_issuer: LabIssuer) -> None:
    """A CA with a key of another kind is none of ours: a sentence, not a traceback."""
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stranger = replace(pki_issuer.authority, key=key)
    with pytest.raises(ConfigurationError, match="no elliptic-curve key"):
        issue(stranger, server_profile("lab.test"), entropy=pki_issuer.entropy, now=pki_issuer.clock.now())


def test_the_issuer_refuses_what_clients_would(pki_issuer: LabIssuer) -> None:
    """A name outside the constraints is refused before anything is signed, with the option that would permit it."""
    with pytest.raises(ConfigurationError, match=r"'\*\.example\.com'.*--permit example\.com"):
        pki_issuer.issue_server("lab.test", ("*.example.com",))


def test_a_widened_ca_vouches_for_more(pki_clock: FixedClock, openssl_verify: Verify) -> None:
    """``--permit`` reaches the certificates: a client accepts the added domain and range, and no other."""
    entropy = SeededEntropy("wide")
    permitted = LAB.widened(("corp.example.com", "10.1.0.0/16"))
    authority = create_authority(entropy, pki_clock.now(), origin="nowhere", permitted=permitted)
    issuer = LabIssuer(authority=authority, entropy=entropy, clock=pki_clock, permitted=permitted)
    chain = issuer.issue_server("mail.corp.example.com", ("10.1.2.3",))
    moment = str(int(pki_clock.now().timestamp()))
    assert openssl_verify(chain, "-attime", moment, "-verify_hostname", "mail.corp.example.com").returncode == 0
    outside = issue(authority, server_profile("10.2.0.1", ()), entropy=entropy, now=pki_clock.now())
    assert openssl_verify(outside, "-attime", moment).returncode != 0


@pytest.mark.parametrize(
    ("account", "mailboxes"), [("alice@lab.test", ["alice@lab.test"]), ("alice", []), ("bérénice@lab.test", [])]
)
def test_client_certificates(pki_issuer: LabIssuer, openssl_verify: Verify, account: str, mailboxes: list[str]) -> None:
    """EXTERNAL's certificate names the account in its common name, good for clients and for nothing else."""
    chain = pki_issuer.issue_client(account)
    leaf = parsed(chain)["leaf"]
    (name,) = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert name.value == account
    assert list(client_profile(account).mailboxes) == mailboxes
    assert openssl_verify(chain, "-purpose", "sslclient").returncode == 0
    assert openssl_verify(chain, "-purpose", "sslserver").returncode != 0


@pytest.mark.parametrize("host", ["bücher.test", "a b.test", "a*.lab.test", "", "x" * 60 + ".lab.test"])
def test_impossible_hosts_are_refused(pki_issuer: LabIssuer, host: str) -> None:
    """A host that no certificate can name is the operator's mistake, said in a sentence."""
    with pytest.raises(ConfigurationError):
        pki_issuer.issue_server(host)


SUBPROCESS = """
import hashlib
from datetime import UTC, datetime
from labserver.clock import FixedClock
from labserver.pki.material import Wanted, obtain
material = obtain(Wanted(seed="S"), clock=FixedClock(moment=datetime(2026, 11, 23, {hour}, 30, tzinfo=UTC)))
issuer = material.issuer
chains = [material.chain, issuer.issue_client("alice@lab.test"), issuer.issue_server("mail.lab.test", ())]
print(hashlib.sha256(b"".join(c.chain_pem + c.key_pem + c.anchors_pem for c in chains)).hexdigest())
"""


def test_one_seed_one_result() -> None:
    """Two processes, two times of one day, one seed: every octet of every certificate and key is the same."""
    runs = [
        subprocess.run([sys.executable, "-c", SUBPROCESS.format(hour=hour)], capture_output=True, text=True, check=True)
        for hour in (1, 22)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == hashlib.sha256().digest_size * 2


def test_another_seed_or_day_changes_every_serial(pki_clock: FixedClock) -> None:
    """NSS refuses two certificates of one issuer with one serial number; so nothing that differs may share one."""
    serials = set()
    for seed, days in (("a", 0), ("a", 1), ("b", 0)):
        clock = FixedClock(moment=pki_clock.moment + timedelta(days=days))
        issuer = seeded(seed, clock)
        chains = [issuer.issue_server("lab.test"), issuer.issue_server("mail.lab.test"), issuer.issue_client("alice")]
        serials |= {certificate.serial_number for chain in chains for certificate in parsed(chain).values()}
    assert len(serials) == 3 * 5


class ScriptedEntropy:
    """Gives out prepared tokens, one after the other."""

    def __init__(self, *tokens: bytes) -> None:
        self._tokens = list(tokens)

    def token(self, size: int, purpose: str) -> bytes:
        """Return the next token."""
        token = self._tokens.pop(0)
        assert (len(token), purpose) == (size, "pki key root")
        return token


def test_scalars_outside_the_group_are_rejected() -> None:
    """Zero, the group's order and more are drawn again, never reduced: keys are uniformly distributed."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    draws = [scalar.to_bytes(32) for scalar in (0, order, (1 << 256) - 1, order - 1)]
    key = derive_key(ScriptedEntropy(*draws), "root")
    assert key.private_numbers().private_value == order - 1
