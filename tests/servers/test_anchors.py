"""What clients of a scenario are told to trust is in files: the lab's own, or the scenario's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from labserver.lab import Lab
from labserver.pki.chain import fingerprint
from labserver.settings import Settings
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return a lab that nobody has met yet."""
    lab = Lab(Settings(ports={}, http_port=0), CATALOGUE, run_directory=tmp_path)
    yield lab
    lab.release()
    lab.store.close()


@pytest.mark.parametrize("scenario", ["good", "expired", "starttls-stripped", "self-signed"])
def test_the_labs(lab: Lab, scenario: str) -> None:
    """Without an anchor of its own it is the lab's CA, wherever that file is already."""
    told = lab.anchors.told(scenario)
    assert told["pem"] == str(lab.run_directory / "ca.pem")
    assert Path(told["pem"]).read_bytes() == lab.material.chain.anchors_pem
    assert told["sha256"] == fingerprint(lab.material.chain.anchors[0])


@pytest.mark.parametrize("scenario", ["good-trustme", "deep", "root-v1"])
def test_its_own(lab: Lab, scenario: str) -> None:
    """With one it is that of the chain that is served, in each form; asked again it is the same."""
    told = lab.anchors.told(scenario)
    (anchor,) = lab.chains.chain(scenario).anchors
    assert {kind: Path(told[kind]).name for kind in ("pem", "der", "p12")} == {
        kind: f"ca-{scenario}.{kind}" for kind in ("pem", "der", "p12")
    }
    assert x509.load_pem_x509_certificate(Path(told["pem"]).read_bytes()) == x509.load_der_x509_certificate(anchor)
    assert Path(told["der"]).read_bytes() == anchor
    (held,) = pkcs12.load_pkcs12(Path(told["p12"]).read_bytes(), b"changeit").additional_certs
    assert held.certificate == x509.load_der_x509_certificate(anchor)
    before = {path: path.stat().st_mtime_ns for path in lab.run_directory.iterdir()}
    assert lab.anchors.told(scenario) == told
    assert {path: path.stat().st_mtime_ns for path in lab.run_directory.iterdir()} == before


def test_every(lab: Lab) -> None:
    """What a scenario says of its anchor is so, and every anchor is in a PEM file at least."""
    for name, scenario in CATALOGUE.items():
        told = lab.anchors.told(name)
        assert Path(told["pem"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert (Path(told["pem"]).name != "ca.pem") is scenario.own_anchor, name


def test_nothing_before(lab: Lab) -> None:
    """No file is made before somebody asks."""
    assert not list(lab.run_directory.iterdir())
