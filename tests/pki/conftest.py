"""Certificates made once for all tests of the package, and the programs that judge them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock, SystemClock, SystemEntropy
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.profile import HOSTS
from labserver.pki.trustme_issuer import TrustmeIssuer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.pki.chain import Chain, Issuer


@pytest.fixture
def pki_clock() -> FixedClock:
    """Return a clock that a test may set."""
    return FixedClock()


@pytest.fixture(scope="session")
def pki_issuer() -> LabIssuer:
    """Return the lab's own CA, made now, because the programs that judge it know no other time."""
    clock, entropy = SystemClock(), SystemEntropy()
    return LabIssuer(authority=create_authority(entropy, clock.now(), origin="tests"), entropy=entropy, clock=clock)


@pytest.fixture(scope="session")
def pki_chain(pki_issuer: LabIssuer) -> Chain:
    """Return the lab's ordinary server chain."""
    return pki_issuer.issue_server("lab.test", HOSTS)


@pytest.fixture(scope="session", params=["lab", "trustme"])
def pki_any_issuer(request: pytest.FixtureRequest, pki_issuer: LabIssuer) -> Issuer:
    """Return both issuers, one after the other."""
    return pki_issuer if request.param == "lab" else TrustmeIssuer(clock=SystemClock())


@pytest.fixture
def openssl_verify(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return ``openssl verify`` of a chain with options; strict, and trusting the chain's anchors alone."""

    def verify(chain: Chain, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "verify-ca.pem").write_bytes(chain.anchors_pem)
        (tmp_path / "verify-chain.pem").write_bytes(chain.chain_pem)
        command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", "verify-ca.pem"]
        command += ["-untrusted", "verify-chain.pem", *options, "verify-chain.pem"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return verify
