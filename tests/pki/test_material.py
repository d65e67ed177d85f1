"""Claims about the door to the package: options become certificates or sentences, and nothing is imported early."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.clock import FixedClock, SystemClock
from labserver.errors import ConfigurationError
from labserver.pki.authority import LabIssuer
from labserver.pki.material import IssuerName, Wanted, certificate_clock, obtain
from labserver.pki.own import matches
from labserver.pki.profile import HOSTS
from labserver.pki.trustme_issuer import TrustmeIssuer

if TYPE_CHECKING:
    from labserver.pki.chain import Chain


def test_without_options_a_ca_for_this_run(pki_clock: FixedClock) -> None:
    """By default: our own CA, every lab name, nothing to say, and another one next time."""
    first, second = (obtain(Wanted(), clock=pki_clock) for _ in range(2))
    leaf = x509.load_der_x509_certificate(first.chain.leaf)
    assert all(matches(leaf, host.replace("*", "x")) for host in HOSTS)
    assert isinstance(first.issuer, LabIssuer)
    assert first.chain.anchors == first.issuer.anchors != second.issuer.anchors
    assert first.notices == ()


def test_host_names_and_permits(pki_clock: FixedClock) -> None:
    """The host comes first, other names behind the lab's, and a widened CA is warned about."""
    wanted = Wanted(host="mail.corp.example.com", names=("127.0.0.5",), permit=("corp.example.com",))
    material = obtain(wanted, clock=pki_clock)
    leaf = x509.load_der_x509_certificate(material.chain.leaf)
    assert all(matches(leaf, host) for host in ("mail.corp.example.com", "localhost", "127.0.0.5"))
    assert len(material.notices) == 1
    assert material.notices[0].startswith("WARNING: --permit lets this lab's CA vouch for corp.example.com")


def test_a_seed_is_announced(pki_clock: FixedClock) -> None:
    """Seeded material is the same on every host, and both its CA's name and the first notice say that it is public."""
    first, second = (obtain(Wanted(seed="S"), clock=pki_clock) for _ in range(2))
    assert first.chain == second.chain
    assert first.notices[0].startswith("WARNING: --seed S makes every key of this lab PUBLIC KNOWLEDGE")
    root = x509.load_der_x509_certificate(first.chain.anchors[0])
    assert "PUBLIC" in root.subject.rfc4514_string()


def test_a_given_time(pki_clock: FixedClock) -> None:
    """Certificates are of the time that is wanted, whatever the clock says, and that is announced."""
    wanted = Wanted(seed="x", now=datetime(2031, 5, 6, 7, tzinfo=UTC))
    material = obtain(wanted, clock=pki_clock)
    leaf = x509.load_der_x509_certificate(material.chain.leaf)
    assert leaf.not_valid_before_utc == datetime(2031, 5, 5, tzinfo=UTC)
    assert any("2031-05-06 07:00:00 UTC" in notice for notice in material.notices)
    assert material.chain == obtain(wanted, clock=FixedClock(moment=datetime(2040, 1, 1, tzinfo=UTC))).chain
    assert certificate_clock(wanted, pki_clock).now() == wanted.now
    assert certificate_clock(Wanted(), pki_clock) is pki_clock


def test_trustme_on_demand(pki_clock: FixedClock) -> None:
    """``--issuer trustme`` issues the server's and the clients' certificates."""
    material = obtain(Wanted(issuer=IssuerName.TRUSTME, host="lab.test"), clock=pki_clock)
    assert isinstance(material.issuer, TrustmeIssuer)
    assert material.chain.anchors == material.issuer.anchors


def test_state_is_kept(pki_clock: FixedClock, tmp_path: Path) -> None:
    """``--state`` presents the same chain next time."""
    wanted = Wanted(state=tmp_path / "state")
    assert obtain(wanted, clock=pki_clock).chain == obtain(wanted, clock=pki_clock).chain


@pytest.fixture
def own(pki_chain: Chain, tmp_path: Path) -> Path:
    """Return a combined file of the operator's own."""
    path = tmp_path / "own.pem"
    path.write_bytes(pki_chain.chain_pem + pki_chain.key_pem)
    return path


def test_an_own_chain_leaves_the_issuer_for_clients(own: Path, pki_chain: Chain) -> None:
    """``--cert`` serves that chain for any host at all; the lab's CA still issues client certificates."""
    material = obtain(Wanted(certificate=own, host="mail.example.com", names=("10.0.0.1",)), clock=SystemClock())
    assert material.chain.certificates == pki_chain.certificates
    assert material.notices == (
        f"The certificate in {own} is not for mail.example.com: clients that connect to that name will refuse it.",
    )
    assert material.issuer.issue_client("alice").anchors != pki_chain.anchors


def test_an_own_chain_goes_with_every_issuer(own: Path, tmp_path: Path) -> None:
    """``--cert`` says nothing about who issues client certificates."""
    kept = obtain(Wanted(certificate=own, host="lab.test", state=tmp_path / "state"), clock=SystemClock())
    assert isinstance(kept.issuer, LabIssuer)
    other = obtain(Wanted(certificate=own, host="lab.test", issuer=IssuerName.TRUSTME), clock=SystemClock())
    assert isinstance(other.issuer, TrustmeIssuer)
    assert kept.chain == other.chain


@pytest.mark.parametrize(
    ("wanted", "options"),
    [
        (Wanted(seed="S", state=Path("x")), ("--seed", "--state")),
        (Wanted(seed="S", issuer=IssuerName.TRUSTME), ("--seed", "--issuer trustme")),
        (Wanted(state=Path("x"), issuer=IssuerName.TRUSTME), ("--state", "--issuer trustme")),
        (Wanted(permit=("lan",), issuer=IssuerName.TRUSTME), ("--permit", "--issuer trustme")),
        (Wanted(key=Path("x")), ("--key", "--cert")),
        (Wanted(state=Path("x"), now=datetime(2026, 1, 1, tzinfo=UTC)), ("--state", "--now")),
    ],
)
def test_contradictions(wanted: Wanted, options: tuple[str, str], pki_clock: FixedClock, tmp_path: Path) -> None:
    """Options that cannot go together are refused by name, before anything is made or written."""
    with pytest.raises(ConfigurationError) as caught:
        obtain(wanted, clock=pki_clock)
    assert all(option in str(caught.value) for option in options)
    assert not list(tmp_path.iterdir())


LAZY = """
import sys
from labserver.pki import chain, environment, files, material, permitted, profile
heavy = {"cryptography", "trustme", "ssl", "OpenSSL"} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_imported_early() -> None:
    """A command that only needs names, variables or options pays for no cryptography."""
    subprocess.run([sys.executable, "-c", LAZY], check=True)


def test_making_a_lab_is_quick() -> None:
    """Root, intermediate and leaf take a processor 5 ms at most, as every start needs them. The best of ten counts."""
    spans = []
    for _ in range(10):
        start = time.process_time()
        obtain(Wanted(), clock=SystemClock())
        spans.append(time.process_time() - start)
    assert min(spans) < 0.005
