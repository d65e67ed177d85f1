"""Revocation as served: other people's programs get the very staples and lists, and say what the recipes say."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.cli.chain_sources import RunningLab
from labserver.pki.chain import certificates_pem
from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import Verdict
from tests.integration.labs import COMMAND, LabProcess, running
from tests.ours import CATALOGUE, from_recipes
from tests.patience import PATIENCE
from tests.scenarios.places import Way, gnutls_cli, place, s_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.pki.chain import Chain

pytestmark = pytest.mark.client

SCENARIOS = [name for name, scenario in from_recipes().items() if scenario.group == "revocation"]
STAPLED = [name for name in SCENARIOS if all_recipes()[name].staple is not None]
ASKED = [name for name in SCENARIOS if CATALOGUE[name].asked]

TRUSTED, INVALID, OLD = "certificate is trusted", "status response is invalid", "data are old and have been superseded"
ANY, LATE, UNKNOWN = "", "response has expired", "Could not find certificate ID"


@dataclass(frozen=True, slots=True)
class Said:
    """What programs that ask for a staple say."""

    gnutls: str
    """gnutls-cli."""
    curl: str
    """``curl --cert-status``; nothing if it goes on."""


SAID = {
    "ocsp-stapled-good": Said(TRUSTED, ANY),
    "ocsp-stapled-good-sha256-certid": Said(TRUSTED, UNKNOWN),
    "ocsp-stapled-good-delegated": Said(TRUSTED, ANY),
    "ocsp-stapled-good-no-nextupdate": Said(TRUSTED, ANY),
    "ocsp-stapled-revoked": Said("certificate chain is revoked", "revocation reason: keyCompromise"),
    "ocsp-stapled-unknown": Said(TRUSTED, "status verification FAILED"),
    "ocsp-stapled-expired": Said(OLD, LATE),
    "ocsp-stapled-future": Said(TRUSTED, LATE),
    "ocsp-stapled-wrong-cert": Said(INVALID, UNKNOWN),
    "ocsp-stapled-bad-signature": Said(INVALID, "verification failed"),
    "ocsp-stapled-wrong-signer": Said(INVALID, "verification failed"),
    "ocsp-stapled-delegated-no-eku": Said(INVALID, "verification failed"),
    "ocsp-stapled-delegated-expired": Said(INVALID, "verification failed"),
    "ocsp-stapled-try-later": Said(TRUSTED, "status: trylater"),
    "ocsp-stapled-unauthorized": Said(TRUSTED, "status: unauthorized"),
    "ocsp-stapled-malformed": Said(INVALID, "Invalid OCSP response"),
    "ocsp-stapled-empty": Said("Error decoding the received TLS packet", "malloc failure"),
    "must-staple-good": Said(TRUSTED, ANY),
    "must-staple-missing": Said("requires the server to include an OCSP status", "No OCSP response received"),
    "must-staple-revoked": Said("certificate chain is revoked", "revocation reason: keyCompromise"),
    "must-staple-expired": Said(OLD, LATE),
    "must-staple-unknown": Said(TRUSTED, "status verification FAILED"),
}
GNUTLS_ACCEPTS = {"ocsp-stapled-future": "does not ask whether the response is valid yet"}
"""What GnuTLS 3.7 goes on after although it is to be rejected."""
CURL_REFUSES = {"ocsp-stapled-good-sha256-certid": "looks for SHA-1 alone"}
"""What curl 7.88 does not go on after although it is good."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run the lab with every one of them leased."""
    options = [word for identifier in SCENARIOS for word in ("--scenario", identifier)]
    with running(tmp_path_factory.mktemp("office"), *options) as lab:
        yield lab


def _chain(lab: LabProcess, scenario: str) -> Chain:
    return RunningLab(lab.ready).scenario(scenario)


def _messages(printed: str) -> str:
    """Return the octets that ``s_client -msg`` shows."""
    return "".join(re.findall(r"^ {4}((?:[0-9a-f]{2} ?)+)\s*$", printed, re.MULTILINE)).replace(" ", "")


def _curl(lab: LabProcess, scenario: str, *options: str) -> subprocess.CompletedProcess[str]:
    where = place(lab, scenario, "imaps", Way.LEASE)
    account = lab.ready["accounts"][0]
    words = ["curl", "--silent", "--show-error", "--cacert", str(where.ca), "--max-time", "20", *options]
    words += ["--user", f"{account['user']}:{account['password']}", f"imaps://localhost:{where.port}/"]
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)


# --- staples ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("scenario", STAPLED)
def test_octets(office: LabProcess, scenario: str, version: str) -> None:
    """OpenSSL, asking, gets the staple octet for octet, behind its length (RFC 6066 8)."""
    staple = _chain(office, scenario).staple
    assert staple is not None
    printed = s_client(place(office, scenario, "imaps", Way.LEASE), "-status", "-msg", version)
    assert f"01{len(staple):06x}{staple.hex()}" in _messages(printed)


@pytest.mark.parametrize("service", ["smtp", "pop3"])
def test_behind_starttls(office: LabProcess, service: str) -> None:
    """So it does behind STARTTLS, by name."""
    staple = _chain(office, "ocsp-stapled-good").staple or b"none"
    printed = s_client(place(office, "ocsp-stapled-good", service, Way.NAME), "-status", "-msg")
    assert staple.hex() in _messages(printed)
    assert "Cert Status: good" in printed
    assert "Verify return code: 0 (ok)" in printed


@pytest.mark.parametrize("scenario", ASKED)
def test_gnutls(office: LabProcess, scenario: str, tmp_path: Path) -> None:
    """GnuTLS, which always asks, agrees with the recipe's verdict, or the difference is known; it saves what it got."""
    printed = gnutls_cli(place(office, scenario, "imaps", Way.LEASE), "--save-ocsp", str(tmp_path / "staple"))
    assert SAID[scenario].gnutls in printed
    trusted, verdict = SAID[scenario].gnutls == TRUSTED, all_recipes()[scenario].verdict
    assert verdict is Verdict.EITHER or trusted is (verdict is Verdict.ACCEPT or scenario in GNUTLS_ACCEPTS)
    staple = _chain(office, scenario).staple
    if staple:
        assert (tmp_path / "staple").read_bytes() == staple


@pytest.mark.parametrize("scenario", ASKED)
def test_curl(office: LabProcess, scenario: str) -> None:
    """So does curl, told to ask for a staple and to insist on it."""
    done = _curl(office, scenario, "--cert-status")
    assert SAID[scenario].curl in done.stderr
    went_on, verdict = done.returncode == 0, all_recipes()[scenario].verdict
    assert went_on is (not SAID[scenario].curl)
    assert verdict is Verdict.EITHER or went_on is (verdict is Verdict.ACCEPT and scenario not in CURL_REFUSES)


@pytest.mark.parametrize("scenario", ["ocsp-stapled-revoked", "must-staple-missing"])
def test_not_asked(office: LabProcess, scenario: str) -> None:
    """Who does not ask for a staple works with the server, and has met nothing of the scenario."""
    known = len(office.events("Misbehaved"))
    assert _curl(office, scenario).returncode == 0
    assert len(office.events("Misbehaved")) == known
    _curl(office, scenario, "--cert-status")
    assert len(office.events("Misbehaved")) == known + 1


def test_judged() -> None:
    """A client that does not ask is not judged, and is told why."""
    words = [*COMMAND, "check", "--scenario", "ocsp-stapled-revoked", "--service", "imaps", "--", "curl", "--silent"]
    words += ["--cacert", "{ca}", "--user", "{user}:{password}", "{url}/"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "NOT-OFFERED    ocsp-stapled-revoked@imaps  the client does not ask for it (status_request)" in done.stdout
    assert done.returncode == 0


# --- what is published ------------------------------------------------------------------------------------------------


def _files(lab: LabProcess, scenario: str, directory: Path) -> Path:
    """Write what ``openssl`` needs to know of a chain."""
    chain, where = _chain(lab, scenario), place(lab, scenario, "imaps", Way.LEASE)
    (directory / "leaf.pem").write_bytes(chain.leaf_pem)
    (directory / "issuer.pem").write_bytes(certificates_pem(chain.intermediates))
    (directory / "anchors.pem").write_bytes(Path(where.ca).read_bytes())
    return directory


def _openssl(directory: Path, *words: str) -> str:
    command = ["openssl", *words, "-CAfile", "anchors.pem", "-no-CApath", "-no-CAstore"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize(("scenario", "status"), [("ocsp-none", "good"), ("revoked", "revoked")])
def test_responder(office: LabProcess, scenario: str, status: str, digest: str, tmp_path: Path) -> None:
    """OpenSSL asks the responder that the certificate names, and verifies what it says."""
    directory = _files(office, scenario, tmp_path)
    place_ = subprocess.run(
        ["openssl", "x509", "-noout", "-ocsp_uri", "-in", "leaf.pem"], cwd=directory, capture_output=True, check=True
    ).stdout
    assert place_.decode().strip() == f"{office.ready['urls']['http']}ocsp/{scenario}"
    asking = ("-url", place_.decode().strip(), "-issuer", "issuer.pem", digest, "-cert", "leaf.pem")
    said = _openssl(directory, "ocsp", *asking, "-timeout", str(PATIENCE))
    assert f"leaf.pem: {status}\n" in said
    assert "Response verify OK" in said


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("crl-good", "leaf.pem: OK"),
        ("revoked", "certificate revoked"),
        ("crl-expired", "CRL has expired"),
        ("crl-bad-signer", "CRL signature failure"),
    ],
)
def test_lists(office: LabProcess, scenario: str, said: str, tmp_path: Path) -> None:
    """OpenSSL fetches the CRL from where the certificate says, or is given those of the whole chain in a file."""
    leased = next(one for one in office.ready["scenarios"] if one["id"] == scenario)
    directory = _files(office, scenario, tmp_path)
    for source in (("-crl_check", "-crl_download"), ("-crl_check_all", "-CRLfile", leased["crl"]["pem"])):
        verify = ("verify", *source, "-untrusted", "issuer.pem")
        command = ["openssl", *verify, "-CAfile", "anchors.pem", "-no-CApath", "-no-CAstore", "leaf.pem"]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("crl-good", TRUSTED),
        ("revoked", "certificate chain is revoked"),
        ("crl-expired", "Error in the CRL verification"),
    ],
)
def test_lists_given_to_gnutls(office: LabProcess, scenario: str, said: str, tmp_path: Path) -> None:
    """GnuTLS, given the CRLs and the CAs that sign them, says the same."""
    leased = next(one for one in office.ready["scenarios"] if one["id"] == scenario)
    where = place(office, scenario, "imaps", Way.LEASE)
    both = tmp_path / "authorities.pem"
    both.write_bytes(where.ca.read_bytes() + certificates_pem(_chain(office, scenario).intermediates))
    words = ["gnutls-cli", "--x509cafile", str(both), "--x509crlfile", leased["crl"]["pem"], "--port", str(where.port)]
    words += ["--verify-hostname", "localhost", "--sni-hostname", "localhost", "127.0.0.1"]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert said in done.stdout + done.stderr


def test_issuer(office: LabProcess, tmp_path: Path) -> None:
    """The CA's certificate that a chain lacks is where the leaf says, and completes it."""
    (tmp_path / "leaf.pem").write_bytes(_chain(office, "incomplete-chain-aia").leaf_pem)
    (tmp_path / "anchors.pem").write_bytes(office.ca.read_bytes())
    url = f"{office.ready['urls']['http']}ca/incomplete-chain-aia/lab.crt"
    named = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-in", "leaf.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"CA Issuers - URI:{url}\n" in named
    subprocess.run(["curl", "-sSf", "-o", "issuer.der", url], cwd=tmp_path, check=True, timeout=PATIENCE)
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", "issuer.der", "-out", "issuer.pem"], cwd=tmp_path, check=True
    )
    verify = ["openssl", "verify", "-CAfile", "anchors.pem", "-no-CApath", "-no-CAstore"]
    for extra, code in (([], 2), (["-untrusted", "issuer.pem"], 0)):
        done = subprocess.run(
            [*verify, *extra, "leaf.pem"], cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == code, done.stderr
