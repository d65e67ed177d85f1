"""Claims about OCSP responses: each says what its recipe says, by the words of OpenSSL and of cryptography."""

from __future__ import annotations

import subprocess
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from labserver.pki import der
from labserver.pki.chain import certificates_pem
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge_spec
from labserver.pki.revocation import ResponseSpec
from labserver.pki.specification import Verdict
from tests.patience import PATIENCE
from tests.reference.asking import satisfactory

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec

STAPLED = {name: spec for name, spec in all_recipes().items() if spec.staple is not None}
SAID = {
    "ocsp-stapled-good": "good",
    "ocsp-stapled-good-sha256-certid": "good",
    "ocsp-stapled-good-delegated": "good",
    "ocsp-stapled-good-no-nextupdate": "good",
    "ocsp-stapled-revoked": "revoked",
    "ocsp-stapled-unknown": "unknown",
    "ocsp-stapled-expired": "status expired",
    "ocsp-stapled-future": "status not yet valid",
    "ocsp-stapled-wrong-cert": "No Status found",
    "ocsp-stapled-bad-signature": "Response Verify Failure",
    "ocsp-stapled-wrong-signer": "Verify error: self-signed certificate",
    "ocsp-stapled-delegated-no-eku": "missing ocspsigning usage",
    "ocsp-stapled-delegated-expired": "Verify error: certificate has expired",
    "ocsp-stapled-try-later": "Responder Error: trylater",
    "ocsp-stapled-unauthorized": "Responder Error: unauthorized",
    "ocsp-stapled-malformed": "Error reading OCSP response",
    "ocsp-stapled-empty": "Error reading OCSP response",
    "must-staple-good": "good",
    "must-staple-revoked": "revoked",
    "must-staple-expired": "status expired",
    "must-staple-unknown": "unknown",
}
"""What OpenSSL says of each staple."""
DONE = "Response verify OK"


def _forge(spec: ChainSpec, issuer: LabIssuer) -> Chain:
    return forge_spec(
        spec, issuer=issuer, entropy=issuer.entropy, now=issuer.clock.now(), host=f"{spec.id}.lab.test", names=()
    )


def _openssl(chain: Chain, directory: Path, digest: str) -> str:
    """Let ``openssl ocsp`` judge the staple; return all that it says."""
    assert chain.staple is not None
    (directory / "staple.der").write_bytes(chain.staple)
    (directory / "leaf.pem").write_bytes(chain.leaf_pem)
    (directory / "issuer.pem").write_bytes(certificates_pem(chain.intermediates))
    (directory / "anchors.pem").write_bytes(chain.anchors_pem)
    command = ["openssl", "ocsp", "-respin", "staple.der", "-issuer", "issuer.pem", f"-{digest}", "-cert", "leaf.pem"]
    command += ["-CAfile", "anchors.pem", "-no-CApath", "-no-CAstore"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", STAPLED)
def test_openssl(name: str, pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """OpenSSL says what the recipe says, and nothing else against the response; it verifies what is well signed."""
    spec = STAPLED[name]
    assert spec.staple is not None
    said = _openssl(_forge(spec, pki_issuer), tmp_path, spec.staple.digest)
    complaint = SAID[name]
    if complaint in {"good", "revoked", "unknown"}:
        assert f"leaf.pem: {complaint}\n" in said
        assert DONE in said
        assert "error" not in said.lower()
    else:
        assert complaint in said


@pytest.mark.parametrize("name", [name for name, spec in STAPLED.items() if spec.repaired])
def test_repaired(name: str, pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """Without its fault a staple is good: OpenSSL and a strict reading by cryptography agree."""
    repair = STAPLED[name].repaired
    assert repair is not None
    assert repair.staple is not None
    chain = _forge(repair, pki_issuer)
    said = _openssl(chain, tmp_path, repair.staple.digest)
    assert "leaf.pem: good\n" in said
    assert DONE in said
    assert "error" not in said.lower()
    assert _satisfactory(chain, pki_issuer)


@pytest.mark.parametrize("name", STAPLED)
def test_strict(name: str, pki_issuer: LabIssuer) -> None:
    """A strict reading lets those pass that are to be accepted, and no others; one that is empty looks like none."""
    accepted = STAPLED[name].verdict is Verdict.ACCEPT or STAPLED[name].staple == ResponseSpec(octets=b"")
    assert _satisfactory(_forge(STAPLED[name], pki_issuer), pki_issuer) is accepted


def _satisfactory(chain: Chain, issuer: LabIssuer) -> bool:
    leaf, above = map(x509.load_der_x509_certificate, chain.certificates)
    return satisfactory(chain.staple or b"", leaf, above, issuer.clock.now())


def test_fields(pki_issuer: LabIssuer) -> None:
    """A good response names certificate, issuer and responder, and its times are those of the recipe."""
    chain = _forge(STAPLED["ocsp-stapled-good"], pki_issuer)
    leaf, issuer = map(x509.load_der_x509_certificate, chain.certificates)
    response = ocsp.load_der_ocsp_response(chain.staple or b"")
    hour = pki_issuer.clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    assert response.serial_number == leaf.serial_number
    assert response.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    assert response.produced_at_utc == response.this_update_utc == hour - timedelta(hours=1)
    assert response.next_update_utc == hour.replace(hour=0) + timedelta(days=7)
    assert response.certificates == []


def test_revoked(pki_issuer: LabIssuer) -> None:
    """A revoked certificate was revoked for a reason, at a time."""
    response = ocsp.load_der_ocsp_response(_forge(STAPLED["ocsp-stapled-revoked"], pki_issuer).staple or b"")
    midnight = pki_issuer.clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert response.revocation_reason is x509.ReasonFlags.key_compromise
    assert response.revocation_time_utc == midnight - timedelta(days=2)


def test_by_name(pki_issuer: LabIssuer) -> None:
    """An impostor has the issuer's name, and its own certificate inside; nothing tells them apart but the key."""
    chain = _forge(STAPLED["ocsp-stapled-wrong-signer"], pki_issuer)
    _, issuer = map(x509.load_der_x509_certificate, chain.certificates)
    response = ocsp.load_der_ocsp_response(chain.staple or b"")
    (impostor,) = response.certificates
    assert response.responder_name == issuer.subject == impostor.subject
    assert impostor.public_key() != issuer.public_key()


def test_written_out(pki_issuer: LabIssuer) -> None:
    """What a recipe writes out is stapled octet for octet."""
    staples = {name: _forge(STAPLED[f"ocsp-stapled-{name}"], pki_issuer).staple for name in ("malformed", "empty")}
    assert staples == {"malformed": bytes.fromhex("300367617262616765"), "empty": b""}


def test_unsuccessful(pki_issuer: LabIssuer) -> None:
    """An error of the responder has no response in it (RFC 6960 4.2.1)."""
    staple = _forge(STAPLED["ocsp-stapled-try-later"], pki_issuer).staple
    assert staple == der.sequence(der.enumerated(3))
