"""Certificates that a user writes in a scenario's table, as openssl and curl see them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from labserver.cli.parser import run
from tests.clients.sandbox import missing
from tests.docs.documents import ROOT
from tests.integration.labs import COMMAND, LabProcess, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTED = """\
[expired-twice]
title = "Certificate of an own CA, both expired"
does = "It presents an expired certificate of a CA of its own that has expired, too."
expectation = "reject"

[expired-twice.certificate]
authorities.root = { issuer = "root", not_before = "-90d", not_after = "-2d" }
leaf = { issuer = "root", not_before = "-90d", not_after = "-1d" }
wire = ["leaf"]
anchors = ["root"]
"""
FILE = f"""{DOCUMENTED}
[mine-revoked]
title = "A revoked certificate"
does = "It presents a certificate that is on its CA's CRL."
expectation = "either"
certificate.recipe = "revoked"

[old-and-refusing]
title = "Expired, and a login that fails"
does = "It presents an expired certificate, and refuses every login."
expectation = "reject"
certificate = {{ leaf.not_after = "-1d", verdict = "reject" }}

[[old-and-refusing.misbehaviours]]
kind = "login-refused"
"""


SCENARIOS = ("expired-twice", "mine-revoked", "old-and-refusing")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file."""
    path = tmp_path_factory.mktemp("mine") / "mine.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def lab(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab with each of them on ports of its own."""
    options = [word for name in SCENARIOS for word in ("--scenario", name)]
    with running(tmp_path_factory.mktemp("lab"), "--scenario-file", str(file), *options) as lab:
        yield lab
        lab.sound()


def test_documented() -> None:
    """It is in the document."""
    assert DOCUMENTED.strip() in (ROOT / "docs" / "USING.md").read_text(encoding="utf-8")


def _program(*words: str | Path) -> str:
    if shutil.which(str(words[0])) is None:
        missing(str(words[0]))
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def _s_client(lab: LabProcess, name: str) -> str:
    """Return what ``openssl s_client`` says of a scenario."""
    leased = lab.ready["scenarios"][SCENARIOS.index(name)]
    words = ("-connect", f"127.0.0.1:{leased['ports']['imaps']}", "-servername", f"{name}.lab.test", "-showcerts")
    return _program("openssl", "s_client", *words, "-CAfile", leased["ca"]["pem"], "-no-CApath", "-no-CAstore")


@pytest.mark.client
def test_up(lab: LabProcess) -> None:
    """OpenSSL sees the very chain: what is wrong with it, who issued it, and nothing else wrong; curl refuses it."""
    said = _s_client(lab, "expired-twice")
    assert "verify error:num=10:certificate has expired" in said
    assert "CN = expired-twice root" in said
    leased = lab.ready["scenarios"][0]
    name, port = "expired-twice.lab.test", leased["ports"]["imaps"]
    curl = ("curl", "-sS", "--cacert", leased["ca"]["pem"], "--resolve", f"{name}:{port}:127.0.0.1")
    assert "certificate has expired" in _program(*curl, f"imaps://{name}:{port}/")
    assert "Verify return code: 0 (ok)" in _s_client(lab, "mine-revoked")
    assert "Verify return code: 10 (certificate has expired)" in _s_client(lab, "old-and-refusing")


@pytest.mark.client
def test_what_a_named_recipe_publishes_is_of_this_scenario(lab: LabProcess, tmp_path: Path) -> None:
    """The CRL that its certificate names is there, and the certificate is on it."""
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(_s_client(lab, "mine-revoked"))
    text = _program("openssl", "x509", "-in", leaf, "-noout", "-text", "-serial")
    serial = text.rpartition("serial=")[2].strip()
    (place,) = (line.partition("URI:")[2] for line in text.splitlines() if line.strip().endswith(".crl"))
    assert "/crl/mine-revoked/" in place
    _program("curl", "-sS", "-o", tmp_path / "list.crl", place)
    text = _program("openssl", "crl", "-inform", "DER", "-in", tmp_path / "list.crl", "-noout", "-text")
    assert f"Serial Number: {serial}" in text


@pytest.mark.client
def test_check(file: Path) -> None:
    """A client that verifies passes; one that does not is told by the rule about certificates, without being named."""
    words: list[str | Path] = [
        *COMMAND,
        "check",
        "--scenario-file",
        str(file),
        "--scenario",
        "expired-twice",
        "--service",
        "imaps",
        "--",
    ]
    curl = ("curl", "-sS", "--cacert", "{ca}", "--user", "{user}:{password}", "{url}/")
    assert "PASS           expired-twice@imaps" in _program(*words, *curl)
    said = _program(*words, *curl, "--insecure")
    assert "FAIL           expired-twice@imaps" in said
    assert "rejects-certificate" in said


def test_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is explained and shown field by field, as other scenarios are, and known to be of its own CA."""
    assert run(["explain", "expired-twice@imaps", "--scenario-file", str(file)]) == 0
    said = capsys.readouterr().out
    assert "Trust anchor: its own CA" in said
    assert "It presents:" in said
    assert run(["certs", "show", "expired-twice", "--seed", "x", "--scenario-file", str(file)]) == 0
    said = capsys.readouterr().out
    assert "What is wrong: It presents an expired certificate of a CA of its own" in said
    assert "the TLS engine stdlib" in said
    assert "expired" in said
