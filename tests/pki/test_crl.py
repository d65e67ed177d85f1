"""Claims about CRLs: they say what their recipes say, and OpenSSL checks a whole chain against them."""

from __future__ import annotations

import subprocess
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.errors import UnavailableError
from labserver.pki.chain import certificates_pem
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge, forge_spec, unavailable
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain

SAID = {
    "crl-good": "leaf.pem: OK",
    "revoked": "error 23 at 0 depth lookup: certificate revoked",
    "crl-expired": "error 12 at 0 depth lookup: CRL has expired",
    "crl-bad-signer": "error 8 at 0 depth lookup: CRL signature failure",
}
"""What OpenSSL says of each leaf."""


def _forge(name: str, issuer: LabIssuer) -> Chain:
    return forge_spec(
        all_recipes()[name],
        issuer=issuer,
        entropy=issuer.entropy,
        now=issuer.clock.now(),
        host=f"{name}.lab.test",
        names=(),
        http="http://127.0.0.1:3080",
    )


def test_every_list() -> None:
    """Every recipe with CRLs is among those below."""
    assert {name for name, spec in all_recipes().items() if spec.lists} == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_openssl(name: str, pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """OpenSSL checks the whole chain against the CRLs that a client is given, and finds what the recipe says."""
    chain = _forge(name, pki_issuer)
    (tmp_path / "leaf.pem").write_bytes(chain.leaf_pem)
    (tmp_path / "above.pem").write_bytes(certificates_pem(chain.intermediates))
    (tmp_path / "anchors.pem").write_bytes(chain.anchors_pem)
    (tmp_path / "crls.pem").write_bytes(chain.crls_pem)
    command = ["openssl", "verify", "-crl_check_all", "-x509_strict", "-CRLfile", "crls.pem", "-CAfile", "anchors.pem"]
    command += ["-no-CApath", "-no-CAstore", "-untrusted", "above.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert SAID[name] in done.stdout + done.stderr


def test_fields(pki_issuer: LabIssuer) -> None:
    """A list has its CA's name and key identifier, a number, its times, and who is on it since when and why."""
    chain = _forge("revoked", pki_issuer)
    leaf, issuer = map(x509.load_der_x509_certificate, chain.certificates)
    root, crl = map(x509.load_der_x509_crl, chain.crls)
    now = pki_issuer.clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    midnight = now.replace(hour=0)
    assert crl.issuer == leaf.issuer == issuer.subject
    assert root.issuer == issuer.issuer
    assert list(root) == []
    key = issuer.public_key()
    assert crl.is_signature_valid(key)  # type: ignore[arg-type]  # it is no DH key
    identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(key).digest
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == int(now.timestamp()) // 3600
    assert crl.last_update_utc == now - timedelta(hours=1)
    assert crl.next_update_utc == midnight + timedelta(days=7)
    (entry,) = crl
    assert entry.serial_number == leaf.serial_number
    assert entry.revocation_date_utc == midnight - timedelta(days=2)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise


def test_places(pki_issuer: LabIssuer) -> None:
    """Certificates say where the lab publishes what their issuers say of them."""
    leaf, issuer = map(x509.load_der_x509_certificate, _forge("revoked", pki_issuer).certificates)
    assert _distribution(leaf) == ["http://127.0.0.1:3080/crl/revoked/intermediate.crl"]
    assert _distribution(issuer) == ["http://127.0.0.1:3080/crl/revoked/root.crl"]
    assert _access(leaf) == {("OCSP", "http://127.0.0.1:3080/ocsp/revoked")}
    (incomplete,) = map(x509.load_der_x509_certificate, _forge("incomplete-chain-aia", pki_issuer).certificates)
    assert _access(incomplete) == {("caIssuers", "http://127.0.0.1:3080/ca/incomplete-chain-aia/lab.crt")}


def _distribution(certificate: x509.Certificate) -> list[str]:
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return [name.value for point in points for name in point.full_name or ()]


def _access(certificate: x509.Certificate) -> set[tuple[str, str]]:
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    return {(one.access_method._name, one.access_location.value) for one in access}  # noqa: SLF001 -- its only name


def test_nowhere(pki_issuer: LabIssuer) -> None:
    """Where nothing is published, a chain that says so cannot be made; others can."""
    assert "no port" in str(unavailable(all_recipes()["revoked"], pki_issuer))
    assert unavailable(all_recipes()["revoked"], pki_issuer, http="http://127.0.0.1:3080") is None
    assert unavailable(all_recipes()["must-staple-missing"], pki_issuer) is None
    with pytest.raises(UnavailableError, match="no port for that"):
        forge("revoked", issuer=pki_issuer, entropy=pki_issuer.entropy, clock=pki_issuer.clock, host="x.lab.test")
