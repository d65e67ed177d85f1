"""Message scenarios as served: other people's programs name what is wrong, in every way to it, on every service."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from labserver.services import SERVICES
from tests.clients.sandbox import missing
from tests.integration.labs import COMMAND, LabProcess, running
from tests.ours import from_recipes
from tests.patience import PATIENCE, eventually
from tests.scenarios.places import Way, gnutls_cli, place, places, s_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.client

MESSAGES = [name for name, scenario in from_recipes().items() if scenario.group == "message"]
EVERYWHERE = tuple(service.name for service in SERVICES.values() if service.default)
FAULTS = {
    "empty-certificate-list-tls12": ("length mismatch", "No certificate was found", "decode_error"),
    "empty-certificate-list-tls13": ("length mismatch", "No certificate was found", "decode_error"),
    "key-mismatch": ("bad signature", "Public key signature verification has failed", "decrypt_error"),
    "certificate-verify-bad-signature": ("bad signature", "signature verification has failed", "decrypt_error"),
    "certificate-verify-pkcs1-tls13": ("wrong signature type", "An illegal parameter", "illegal_parameter"),
    "sigalg-not-offered": ("wrong signature type", "signature algorithm is not supported", "illegal_parameter"),
}
"""What s_client says, what gnutls-cli says, and the alert that s_client sends."""
GOOD = ("certificate-compression", "dual-rsa-ecdsa", "client-cert-optional")
VERSIONS = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
_OK = "Verify return code: 0 (ok)"


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run the lab with every one of them leased."""
    options = [word for identifier in MESSAGES for word in ("--scenario", identifier)]
    with running(tmp_path_factory.mktemp("hall"), *options, "--seed", "hall") as lab:
        yield lab


def _certificate(printed: str) -> str:
    """Return the certificate that s_client shows."""
    return printed.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]


@pytest.mark.parametrize(
    ("scenario", "service", "way"),
    [one for one in places(FAULTS, EVERYWHERE) if one[2] is Way.NAME or one[1] in {"smtp", "pop3s"}],
)
def test_openssl(hall: LabProcess, scenario: str, service: str, way: Way) -> None:
    """OpenSSL refuses it for the one reason, and verifies all that it gets to verify."""
    printed = s_client(place(hall, scenario, service, way), "-verify_return_error")
    assert FAULTS[scenario][0] in printed
    assert "verify error" not in printed
    assert _OK in printed


@pytest.mark.parametrize(("scenario", "service", "way"), places(FAULTS, ("imap", "submissions")))
def test_gnutls(hall: LabProcess, scenario: str, service: str, way: Way) -> None:
    """So does GnuTLS, in its own words."""
    assert FAULTS[scenario][1] in gnutls_cli(place(hall, scenario, service, way))


@pytest.mark.parametrize("scenario", FAULTS)
def test_told(hall: LabProcess, scenario: str) -> None:
    """The transcript has the client's alert, and that the fault has reached it."""
    known = len(hall.events("TlsFailed"))
    s_client(place(hall, scenario, "imaps", Way.NAME))
    failed = eventually(lambda: hall.events("TlsFailed")[known:])[0]
    assert failed["alert"] == FAULTS[scenario][2]
    (misbehaved,) = (one for one in hall.events("Misbehaved") if one["session"] == failed["session"])
    assert (misbehaved["scenario"], misbehaved["facet"]) == (scenario, "certificate")


@VERSIONS
@pytest.mark.parametrize(
    ("scenario", "service", "way"),
    [
        *places(GOOD[1:], ("imaps", "submission")),
        *((GOOD[0], service, Way.NAME) for service in EVERYWHERE),
    ],
)
def test_good(hall: LabProcess, scenario: str, service: str, way: Way, version: str) -> None:
    """What is good is good in both versions of TLS, whichever engine serves it."""
    assert _OK in s_client(place(hall, scenario, service, way), "-verify_return_error", version)


@pytest.mark.parametrize("service", EVERYWHERE)
def test_compression(hall: LabProcess, service: str) -> None:
    """A client that takes no compressed certificates gets them as they are, and has not met the scenario."""
    known = len(hall.events("Misbehaved"))
    assert "The certificate is trusted" in gnutls_cli(place(hall, "certificate-compression", service, Way.NAME))
    assert hall.events("TlsEstablished")[-1]["facts"]["engine"] == "tlslite"
    assert len(hall.events("Misbehaved")) == known


@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3", "pop3s"])
def test_curl(hall: LabProcess, scheme: str, tmp_path: Path) -> None:
    """Curl reads mail through it."""
    where = place(hall, "certificate-compression", scheme, Way.LEASE)
    account = hall.ready["accounts"][0]
    words = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", str(where.ca), "--max-time", "20"]
    words += ["--user", f"{account['user']}:{account['password']}", f"{scheme}://localhost:{where.port}/"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def nss(hall: LabProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a database of NSS's that trusts the lab."""
    if shutil.which("tstclnt") is None:
        missing("tstclnt")
    database = f"sql:{tmp_path_factory.mktemp('nss')}"
    for words in (["-N", "--empty-password"], ["-A", "-n", "ca", "-t", "C,,", "-a", "-i", str(hall.ca)]):
        subprocess.run(["certutil", *words, "-d", database], check=True, timeout=PATIENCE)
    return database


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("delegated-credential", "Received a Delegated Credential"),
        ("delegated-credential-expired", "SSL_ERROR_DC_EXPIRED"),
        ("delegated-credential-too-long", "SSL_ERROR_DC_INAPPROPRIATE_VALIDITY_PERIOD"),
        ("delegated-credential-without-usage", "SSL_ERROR_DC_INVALID_KEY_USAGE"),
    ],
)
def test_delegated(hall: LabProcess, nss: str, scenario: str, said: str) -> None:
    """NSS, which Thunderbird is built on, takes the credential or finds what is wrong; not told to, it meets none."""
    where = place(hall, scenario, "imaps", Way.NAME)
    words = [
        "tstclnt",
        "-h",
        where.host,
        "-p",
        str(where.port),
        "-a",
        where.name,
        "-d",
        nss,
        "-V",
        "tls1.3:tls1.3",
        "-Q",
    ]
    for option, met in (("-B", True), ("-C", False)):
        known = len(hall.events("Misbehaved"))
        done = subprocess.run(
            [*words, option], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
        told = (done.stdout + done.stderr).decode(errors="replace")
        assert (said in told) is met
        assert (done.returncode == 0) is (not met or "ERROR" not in said), told
        assert len(hall.events("Misbehaved")) == known + met


def test_raw_key(hall: LabProcess) -> None:
    """GnuTLS, made to take raw public keys, gets one and no certificate; and a certificate otherwise."""
    where = place(hall, "raw-public-key", "imaps", Way.NAME)
    told = gnutls_cli(where, "--insecure", "--priority", "NORMAL:+CTYPE-SRV-RAWPK")
    assert "Raw Public Key" in told
    assert "The certificate is trusted" in gnutls_cli(where)


def test_two_chains(hall: LabProcess) -> None:
    """Who does not take ECDSA is presented an RSA certificate, as good as the other."""
    where = place(hall, "dual-rsa-ecdsa", "imaps", Way.NAME)
    printed = {
        offer: s_client(where, "-verify_return_error", "-sigalgs", offer)
        for offer in ("ECDSA+SHA256", "RSA-PSS+SHA256:ECDSA+SHA256", "RSA-PSS+SHA256:RSA+SHA256")
    }
    assert [re.findall(r"Peer signature type: (\S+)", one) for one in printed.values()] == [
        ["ECDSA"],
        ["ECDSA"],
        ["RSA-PSS"],
    ]
    assert all(_OK in one for one in printed.values())


@pytest.mark.parametrize("scenario", ["cert-rotates-each-connection", "reused-issuer-and-serial", "cert-expires-soon"])
def test_each_connection(hall: LabProcess, scenario: str) -> None:
    """Each connection has a certificate of its own, and all of them verify."""
    where = place(hall, scenario, "imaps", Way.NAME)
    printed = [s_client(where, "-verify_return_error") for _ in range(3)]
    assert len({_certificate(one) for one in printed}) == 3
    assert all(_OK in one for one in printed)


def test_each_service(hall: LabProcess) -> None:
    """Each service has a certificate of its own, always the same."""
    places_ = [
        place(hall, "cert-differs-between-services", service, Way.NAME) for service in ("imaps", "pop3s", "imaps")
    ]
    one, another, again = (_certificate(s_client(where)) for where in places_)
    assert one == again != another


@pytest.mark.parametrize("service", ["imaps", "smtp"])
def test_names(hall: LabProcess, service: str) -> None:
    """A name decides: its own brings the right certificate, or an alert; none brings the other."""
    chosen, unknown = (
        place(hall, scenario, service, Way.ADDRESS) for scenario in ("sni-selects-cert", "sni-unrecognized-name")
    )
    assert "verify error:num=64:IP address mismatch" in s_client(chosen)
    assert "subject=O = labserver, CN = sni-selects-cert.lab.test" in s_client(chosen)
    assert _OK in s_client(chosen.asking("sni-selects-cert.lab.test"))
    assert _OK in s_client(unknown, "-verify_return_error")
    assert "tlsv1 unrecognized name" in s_client(unknown.asking("sni-unrecognized-name.lab.test"))


@VERSIONS
def test_client_certificates(hall: LabProcess, version: str, tmp_path: Path) -> None:
    """A certificate of the lab's is good where one is wanted, none is not, and where nobody has one it is neither."""
    words = [*COMMAND, "certs", "client", hall.ready["accounts"][0]["user"], str(tmp_path), "--seed", "hall"]
    subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True)
    outcomes = {}
    for scenario in ("client", "client-cert-missing", "client-cert-optional"):
        for options in (("-cert", str(tmp_path / "client.pem")), ()):
            known = len(hall.events("TlsEstablished"))
            s_client(place(hall, scenario, "imaps", Way.NAME), version, *options)
            outcomes[scenario, bool(options)] = len(hall.events("TlsEstablished")) > known
    assert [case for case, established in outcomes.items() if established] == [
        ("client", True),
        ("client-cert-optional", True),
        ("client-cert-optional", False),
    ]
