"""An export has no key but the servers', for its owner alone; the keys of CAs are nowhere."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.exports.files import certificates
from tests.integration.labs import COMMAND
from tests.patience import PATIENCE
from tests.pki.judges import UNREAD

if TYPE_CHECKING:
    from pathlib import Path

_MEANT = {
    "basic-constraints-negative-pathlen",
    "ca-as-leaf",
    "leaf-key-equals-ca-key",
    "self-signed-ca",
    "self-signed-ca-pinned",
}
"""Scenarios whose server has the key of a CA, because that is what they are about."""
_UNREADABLE = {"basic-constraints-negative-pathlen"}
"""Those that cryptography cannot read, so that it does not tell."""


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an export of the whole catalogue."""
    folder = tmp_path_factory.mktemp("export") / "out"
    command = [*COMMAND, "certs", "export", str(folder), "--scenario", "*", "--seed", "hygiene"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return folder


def test_who_may_read(export: Path) -> None:
    """Whatever has a private key is its owner's alone; the rest is for everybody."""
    for path in export.rglob("*"):
        if path.is_file():
            secret = path.suffix == ".p12" or b"PRIVATE KEY" in path.read_bytes()
            assert path.stat().st_mode & 0o777 == (0o600 if secret else 0o644), path
            assert secret is (path.name in {"key.pem", "server.p12"}), path
            assert path.read_bytes().count(b"-----BEGIN PRIVATE") == (path.name == "key.pem"), path


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # odd serial numbers
def test_keys_of_authorities(export: Path) -> None:
    """No server's key is that of a CA, unless that is what the scenario is about: then the index says so."""
    found = set()
    for path in export.glob("*/key.pem"):
        key = load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True).public_key()
        own = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for certificate in (*certificates(path.with_name("chain.pem")), *certificates(path.with_name("anchors.pem"))):
            with suppress(*UNREAD, UnsupportedAlgorithm):
                parsed = x509.load_der_x509_certificate(certificate)
                theirs = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                if theirs == own and parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                    found.add(path.parent.name)
    assert found == _MEANT - _UNREADABLE
    lines = json.loads((export / "index.json").read_text())["scenarios"]
    assert {line["id"] for line in lines if "also a CA's" in str(line["notes"])} == _MEANT


def test_a_seed_is_announced(export: Path) -> None:
    """The CA of a seed says in its name and in the index that its keys are public."""
    readme = (export / "README.md").read_text()
    assert "**The keys here, those of the lab's CA too, were made from a seed and are public knowledge.**" in readme
    (anchor,) = certificates(export / "good" / "anchors.pem")
    assert re.search(rb"labserver root CA [0-9a-f]{8} PUBLIC, from a seed", anchor)
