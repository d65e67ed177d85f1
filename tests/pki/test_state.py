"""Claims about the state directory: what stays, what is renewed, what is refused, and that nothing corrupts it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from labserver.clock import FixedClock, SystemEntropy
from labserver.errors import ConfigurationError
from labserver.pki.permitted import LAB
from labserver.pki.profile import HOSTS
from labserver.pki.state import AUTHORITY_RENEWAL, LEAF_RENEWAL, Kept, open_state
from labserver.private_files import TEMPORARY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.pki.permitted import Permitted


class Reopen:
    """Opens one state directory again and again, with changes."""

    def __init__(self, directory: Path, clock: FixedClock) -> None:
        self.directory = directory
        self._clock = clock

    def __call__(
        self, *, host: str = "lab.test", names: tuple[str, ...] = HOSTS, permitted: Permitted = LAB, days: float = 0
    ) -> Kept:
        """Return what it yields ``days`` after the clock's first moment."""
        clock = FixedClock(moment=self._clock.moment + timedelta(days=days))
        return open_state(
            self.directory,
            host=host,
            names=names,
            permitted=permitted,
            origin="nowhere",
            entropy=SystemEntropy(),
            clock=clock,
        )


@pytest.fixture
def reopen(tmp_path: Path, pki_clock: FixedClock) -> Reopen:
    """Return a fresh directory's opener."""
    return Reopen(tmp_path / "deep" / "state", pki_clock)


def modes(directory: Path) -> dict[str, int]:
    """Return the permissions of the directory's files."""
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def test_permissions(reopen: Reopen) -> None:
    """The directory is its owner's, so is every file with a key; only the public certificate is readable to all."""
    kept = reopen()
    assert reopen.directory.stat().st_mode & 0o777 == 0o700
    assert modes(reopen.directory) == {"authority.pem": 0o600, "server.pem": 0o600, "ca.pem": 0o644, "lock": 0o600}
    assert (reopen.directory / "ca.pem").read_bytes() == kept.chain.anchors_pem


def test_everything_stays(reopen: Reopen) -> None:
    """A second start presents the same certificate with the same key under the same CA, and rewrites no file."""
    first = reopen()
    stamps = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in reopen.directory.iterdir()}
    second = reopen(days=1)
    assert (second.chain, second.issuer.authority) == (first.chain, first.issuer.authority)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in reopen.directory.iterdir()} == stamps


def test_the_directory_never_sees_the_roots_key(reopen: Reopen) -> None:
    """Of the CA's two keys only the intermediate's is kept: no key in the directory is the root's."""
    kept = reopen()
    root = x509.load_der_x509_certificate(kept.issuer.authority.root).public_key()
    blocks = b"".join(path.read_bytes() for path in reopen.directory.iterdir()).count(b"PRIVATE KEY-----")
    assert blocks == 2 * 2  # the intermediate's and the server's, each begun and ended
    assert all(
        load_der_private_key(key, None).public_key() != root for key in (kept.issuer.authority.key, kept.chain.key)
    )


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({"days": 88 - LEAF_RENEWAL.days}, True),
        ({"days": 90 - LEAF_RENEWAL.days}, False),
        ({"host": "localhost"}, False),
        ({"names": (*HOSTS, "new.lab.test")}, False),
        ({"names": (*HOSTS, "127.0.0.9")}, False),
        ({"names": tuple(reversed(HOSTS))}, True),
    ],
)
def test_the_server_certificate_is_renewed_when_it_must(
    reopen: Reopen,
    change: dict[str, Any],
    stays: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    """Near its end or when its names change the leaf is replaced, the CA never, and the new leaf stays in turn."""
    first = reopen()
    again = partial(reopen, **change)
    second = again()
    assert (second.chain.leaf == first.chain.leaf) is stays
    assert second.issuer.authority == first.issuer.authority
    assert again().chain == second.chain
    assert second.notices == ()


def test_a_leaf_that_ends_with_its_ca_is_not_renewed_in_vain(reopen: Reopen) -> None:
    """In the CA's last weeks a new leaf could not last longer than the old one."""
    reopen()
    last = reopen(days=345)
    assert reopen(days=350).chain == last.chain


def test_the_ca_is_replaced_near_its_end_and_that_is_said(reopen: Reopen) -> None:
    """An ending CA gives way to a new one in time, with a sentence about the file that clients must trust instead."""
    first = reopen()
    assert reopen(days=364 - AUTHORITY_RENEWAL.days - 1).notices == ()
    second = reopen(days=364 - AUTHORITY_RENEWAL.days)
    assert second.issuer.authority.root != first.issuer.authority.root
    assert len(second.notices) == 1
    assert str(reopen.directory / "ca.pem") in second.notices[0]
    assert (reopen.directory / "ca.pem").read_bytes() == second.chain.anchors_pem
    assert second.chain.intermediates == (second.issuer.authority.intermediate,)


def test_permit_needs_a_new_ca(reopen: Reopen) -> None:
    """Name constraints are as they were made: asking for more than the kept CA may do is refused, for less is told."""
    wide = LAB.widened(("corp.example.com", "10.0.0.0/8"))
    reopen()
    with pytest.raises(ConfigurationError, match=r"--permit asks for more.*remove .*authority\.pem"):
        reopen(permitted=wide)
    (reopen.directory / "authority.pem").unlink()
    reopen(permitted=wide, host="mail.corp.example.com")
    kept = reopen()
    assert kept.issuer.permitted == wide
    (notice,) = kept.notices
    assert "authority.pem may issue for corp.example.com, 10.0.0.0/8, too" in notice
    assert reopen(permitted=wide).notices == ()
    assert kept.issuer.issue_server("10.9.9.9", ()).anchors == kept.issuer.anchors


@pytest.mark.parametrize("name", ["authority.pem", "server.pem"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_open_keys_are_refused(reopen: Reopen, name: str, mode: int) -> None:
    """A key that others could have read is no secret: the sentence is the command that closes it."""
    reopen()
    path = reopen.directory / name
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        reopen()


def test_a_directory_that_others_write_to_is_refused(reopen: Reopen) -> None:
    """Who can write to the directory can swap the CA."""
    reopen.directory.mkdir(parents=True)
    reopen.directory.chmod(0o770)
    with pytest.raises(ConfigurationError, match=f"chmod 700 {reopen.directory}"):
        reopen()


def swapped(directory: Path) -> None:
    """Put the server's key and certificates where the CA's belong."""
    (directory / "authority.pem").write_bytes((directory / "server.pem").read_bytes())


FOREIGN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty": ("authority.pem", lambda directory: (directory / "authority.pem").write_bytes(b"")),
    "no PEM": ("server.pem", lambda directory: (directory / "server.pem").write_bytes(b"hello")),
    "cut off": (
        "authority.pem",
        lambda directory: (directory / "authority.pem").write_bytes((directory / "authority.pem").read_bytes()[:-100]),
    ),
    "one certificate short": (
        "authority.pem",
        lambda directory: (directory / "authority.pem").write_bytes(
            (directory / "authority.pem").read_bytes().rpartition(b"-----BEGIN")[0]
        ),
    ),
    "another's key": (
        "server.pem",
        lambda directory: (directory / "server.pem").write_bytes(
            (directory / "authority.pem").read_bytes().partition(b"-----BEGIN CERT")[0]
            + b"-----BEGIN CERT"
            + (directory / "server.pem").read_bytes().partition(b"-----BEGIN CERT")[2]
        ),
    ),
    "swapped": ("authority.pem", swapped),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_files_are_refused(reopen: Reopen, case: str) -> None:
    """A file that is not as we wrote it is neither used nor overwritten."""
    reopen()
    name, spoil = FOREIGN[case]
    spoil(reopen.directory)
    content = (reopen.directory / name).read_bytes()
    with pytest.raises(ConfigurationError, match=rf"{name} is not what labserver wrote"):
        reopen()
    assert (reopen.directory / name).read_bytes() == content


def test_an_unusable_directory_is_a_sentence(reopen: Reopen) -> None:
    """A file where the directory should be is told as such."""
    reopen.directory.parent.mkdir(parents=True)
    reopen.directory.write_text("a file")
    with pytest.raises(ConfigurationError, match=f"--state {reopen.directory}: it is a file, not a directory"):
        reopen()


def test_leftovers_of_a_killed_run_are_swept(reopen: Reopen) -> None:
    """A temporary file that a killed process left behind, key and all, does not stay."""
    reopen()
    (reopen.directory / f".server.pem.x{TEMPORARY_SUFFIX}").write_bytes(b"half a key")
    reopen()
    assert set(modes(reopen.directory)) == {"authority.pem", "server.pem", "ca.pem", "lock"}


SUBPROCESS = """
import hashlib, sys
from pathlib import Path
from labserver.clock import SystemClock
from labserver.pki.material import Wanted, obtain
sys.stdin.read(1)
material = obtain(Wanted(state=Path(sys.argv[1])), clock=SystemClock())
print(hashlib.sha256(material.chain.chain_pem + material.chain.key_pem + material.chain.anchors_pem).hexdigest())
"""


def test_labs_that_start_together_share_one_ca(tmp_path: Path) -> None:
    """Of four processes released at once on an empty directory one makes the CA; all present the same chain and key."""
    command = [sys.executable, "-c", SUBPROCESS, str(tmp_path / "state")]
    labs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for lab in labs:
        assert lab.stdin is not None
        lab.stdin.write("\n")
        lab.stdin.flush()
    digests = {lab.communicate()[0] for lab in labs}
    assert [lab.returncode for lab in labs] == [0] * 4
    assert len(digests) == 1
