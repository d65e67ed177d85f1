"""Claims about exported files: what reads them, who may read them, and that nobody else's are lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from labserver.errors import ConfigurationError
from labserver.pki.authority import issue
from labserver.pki.environment import trust_variables
from labserver.pki.export import INDEX, client_files, export, trust_files
from labserver.pki.files import STORE_PASSWORD
from labserver.pki.profile import server_profile
from tests.clients.sandbox import missing

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain

FILES = {
    "ca.pem": 0o644,
    "ca.crt": 0o644,
    "ca.der": 0o644,
    "ca.p12": 0o644,
    "cert.pem": 0o644,
    "chain.pem": 0o644,
    "key.pem": 0o600,
    "server.p12": 0o600,
    INDEX: 0o644,
}

needs_java = pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java on this host")


@pytest.fixture
def certtool() -> str:
    """Return GnuTLS's tool for certificates."""
    return shutil.which("certtool") or missing("certtool")


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that must succeed."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)


@pytest.fixture
def exported(pki_chain: Chain, tmp_path: Path) -> Path:
    """Return a directory with an export, in a path with a blank."""
    directory = tmp_path / "my lab" / "certs"
    export(pki_chain, directory)
    return directory


def test_files_and_permissions(exported: Path) -> None:
    """Every file is there and keys are their owner's alone."""
    assert {path.name: path.stat().st_mode & 0o777 for path in exported.iterdir()} == FILES


def test_client_files(pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """A client gets the same, and key and chain in one private file, which programs load as both."""
    export(pki_issuer.issue_client("alice"), tmp_path, own=client_files)
    permissions = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    expected = FILES | {"client.p12": 0o600, "client.pem": 0o600}
    del expected["server.p12"]
    assert permissions == expected
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(tmp_path / "client.pem")
    assert "the server" not in (tmp_path / INDEX).read_text()


def test_contents(exported: Path, pki_chain: Chain) -> None:
    """Each file holds the chain's own octets."""
    assert (exported / "ca.pem").read_bytes() == (exported / "ca.crt").read_bytes() == pki_chain.anchors_pem
    assert (exported / "ca.der").read_bytes() == pki_chain.anchors[0]
    assert (exported / "cert.pem").read_bytes() == pki_chain.leaf_pem
    assert (exported / "chain.pem").read_bytes() == pki_chain.chain_pem
    assert (exported / "key.pem").read_bytes() == pki_chain.key_pem


def test_the_key_store_is_complete(exported: Path, pki_chain: Chain) -> None:
    """``server.p12`` holds key, leaf and intermediates."""
    store = pkcs12.load_pkcs12((exported / "server.p12").read_bytes(), STORE_PASSWORD.encode())
    assert store.key is not None
    assert store.cert is not None
    assert store.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == pki_chain.key
    ders = [item.certificate.public_bytes(Encoding.DER) for item in (store.cert, *store.additional_certs)]
    assert tuple(ders) == pki_chain.certificates


def test_openssl_reads_every_file(exported: Path) -> None:
    """The files verify against each other with OpenSSL's command."""
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", "-untrusted", "chain.pem", "cert.pem"]
    assert run(*command, cwd=exported).stdout == "cert.pem: OK\n"
    for store in ("ca.p12", "server.p12"):
        assert (
            "BEGIN CERTIFICATE"
            in run("openssl", "pkcs12", "-in", store, "-passin", "pass:changeit", "-nodes", cwd=exported).stdout
        )
    assert (
        "issuer=" in run("openssl", "x509", "-inform", "der", "-in", "ca.der", "-noout", "-issuer", cwd=exported).stdout
    )


def test_gnutls_verifies_the_chain(exported: Path, certtool: str) -> None:
    """A second, independent implementation accepts the chain, its purposes, its names and its constraints."""
    command = [certtool, "--verify", "--load-ca-certificate", "ca.pem", "--infile", "chain.pem"]
    command += ["--verify-hostname", "imap.lab.test", "--verify-purpose", "1.3.6.1.5.5.7.3.1"]
    assert "Chain verification output: Verified." in run(*command, cwd=exported).stdout


def test_gnutls_refuses_names_outside_the_constraints(pki_issuer: LabIssuer, tmp_path: Path, certtool: str) -> None:
    """A leaf that a thief signed for another name is refused by GnuTLS too."""
    profile = server_profile("mail.example.com", ())
    export(issue(pki_issuer.authority, profile, entropy=pki_issuer.entropy, now=pki_issuer.clock.now()), tmp_path)
    command = [certtool, "--verify", "--load-ca-certificate", "ca.pem", "--infile", "chain.pem"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "violates the signer's constraints" in result.stdout


@needs_java
def test_java_sees_the_ca_in_its_trust_store(exported: Path, pki_chain: Chain) -> None:
    """Java's keytool lists one trusted entry: an ordinary PKCS #12 would show it none."""
    listed = run(
        "keytool", "-J-Xshare:auto", "-list", "-keystore", "ca.p12", "-storepass", STORE_PASSWORD, cwd=exported
    )
    assert "trustedCertEntry" in listed.stdout
    fingerprint = hashlib.sha256(pki_chain.anchors[0]).digest().hex(":").upper()
    assert fingerprint in listed.stdout


@needs_java
def test_the_jvm_reads_its_options(tmp_path: Path) -> None:
    """A path with blanks and quotes arrives whole, behind the options that were there before."""
    trust_store = tmp_path / """my "lab's" certs""" / "ca.p12"
    variables = trust_variables(tmp_path / "ca.pem", trust_store, java_options="-Dbefore=1")
    command = ["java", "-XshowSettings:properties", "-XX:TieredStopAtLevel=1", "-version"]
    shown = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=True).stderr
    assert f"javax.net.ssl.trustStore = {trust_store}\n" in shown
    assert "javax.net.ssl.trustStorePassword = changeit\n" in shown
    assert "before = 1\n" in shown


def test_the_index_lists_every_other_file(exported: Path) -> None:
    """A person finds each file's purpose, a program its digest."""
    index = (exported / INDEX).read_text()
    for name in FILES.keys() - {INDEX}:
        assert f"| `{name}` |" in index
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() in index


def test_an_earlier_export_is_renewed(exported: Path, pki_issuer: LabIssuer) -> None:
    """What we wrote ourselves is replaced without a question."""
    chain = pki_issuer.issue_server("new.lab.test", ())
    export(chain, exported)
    assert (exported / "key.pem").read_bytes() == chain.key_pem


@pytest.mark.parametrize("name", FILES)
def test_foreign_files_are_kept(pki_chain: Chain, tmp_path: Path, name: str) -> None:
    """A file of that name which we did not write stops everything, before anything is written, unless forced."""
    (tmp_path / name).write_text("precious")
    with pytest.raises(ConfigurationError, match=f"already has {name}, .*--force overwrites"):
        export(pki_chain, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    export(pki_chain, tmp_path, force=True)
    assert (tmp_path / "key.pem").read_bytes() == pki_chain.key_pem


def test_a_file_changed_since_is_kept(exported: Path, pki_chain: Chain) -> None:
    """A key that the user has replaced by his own in our directory is his."""
    (exported / "key.pem").write_text("precious")
    with pytest.raises(ConfigurationError, match=r"already has key\.pem,"):
        export(pki_chain, exported)
    assert (exported / "key.pem").read_text() == "precious"


def test_symbolic_links_are_not_followed(pki_chain: Chain, tmp_path: Path) -> None:
    """Even by force a link is replaced, never what it points to."""
    outside, directory = tmp_path / "outside", tmp_path / "out"
    outside.write_text("precious")
    directory.mkdir()
    (directory / "ca.pem").symlink_to(outside)
    with pytest.raises(ConfigurationError):
        export(pki_chain, directory)
    export(pki_chain, directory, force=True)
    assert outside.read_text() == "precious"
    assert not (directory / "ca.pem").is_symlink()


def test_an_unwritable_place_is_a_sentence(pki_chain: Chain, tmp_path: Path) -> None:
    """A file where the directory should be is told as such."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot make the directory"):
        export(pki_chain, tmp_path / "file")


def test_without_anchors_there_is_no_ca_file(pki_chain: Chain, tmp_path: Path) -> None:
    """The operator's own chain, whose CA we do not know, is exported without one."""
    export(replace(pki_chain, anchors=()), tmp_path)
    assert not list(tmp_path.glob("ca.*"))
    assert trust_files(()) == ()


def test_a_key_that_no_store_can_hold_is_a_sentence(pki_chain: Chain, tmp_path: Path) -> None:
    """PKCS #12 export of an exotic key fails before anything is written."""
    key = x25519.X25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ConfigurationError, match="PKCS #12 cannot hold"):
        export(replace(pki_chain, key=key), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_several_anchors_share_the_files(pki_chain: Chain, pki_issuer: LabIssuer) -> None:
    """PEM and trust store hold every anchor, DER can hold the first only."""
    anchors = (pki_chain.anchors[0], pki_issuer.authority.intermediate)
    files = {file.name: file.content for file in trust_files(anchors)}
    assert len(x509.load_pem_x509_certificates(files["ca.pem"])) == 2
    assert files["ca.der"] == anchors[0]
    assert len(pkcs12.load_pkcs12(files["ca.p12"], STORE_PASSWORD.encode()).additional_certs) == 2
