"""``labserver certs``: the certificates of a lab that runs, and of one that would."""

from __future__ import annotations

import imaplib
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.labs import LabProcess


def _plain(*words: str, code: int = 0) -> tuple[str, str]:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_certs_export(tmp_path: Path) -> None:
    """Export writes the CA and the chain, lists what it wrote, and the files work."""
    out, _ = _plain("certs", "export", str(tmp_path / "out"), "--seed", "x", "--host-name", "mail.lab.test")
    names = {line.rpartition("/")[2] for line in out.splitlines()}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    authorities = [path for path in (tmp_path / "out").glob("*.pem") if "ca" in path.stem.split("-")[0]]
    assert authorities
    ssl.create_default_context(cafile=str(authorities[0]))


def test_certs_export_does_not_overwrite(tmp_path: Path) -> None:
    """What is not ours stays, unless it is forced."""
    out, _ = _plain("certs", "export", str(tmp_path / "out"), "--seed", "x")
    first = out.splitlines()[0]
    with open(first, "w") as file:  # noqa: PTH123 -- a name, as it was printed
        file.write("mine")
    _, err = _plain("certs", "export", str(tmp_path / "out"), "--seed", "x", code=2)
    assert err.splitlines()[-1].startswith("labserver: ")
    _plain("certs", "export", str(tmp_path / "out"), "--seed", "x", "--force")


def test_certs_show() -> None:
    """Show describes the chain that the same options would serve."""
    out, err = _plain("certs", "show", "--seed", "x", "--host-name", "mail.lab.test")
    assert "mail.lab.test" in out
    assert out == _plain("certs", "show", "--seed", "x", "--host-name", "mail.lab.test")[0]
    assert "public" in err.lower(), "a seeded CA is no secret, and that is said"


def test_certs_of_the_running_lab(lab: LabProcess, command: Callable[..., str], tmp_path: Path) -> None:
    """Without --state and --seed it is the running lab's own chain that is written and described."""
    command("certs", "export", str(tmp_path))
    assert (tmp_path / "ca.pem").read_bytes() == lab.ca.read_bytes()
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with (
        socket.create_connection(("127.0.0.1", lab.ports["imaps"]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        served = tls.getpeercert(binary_form=True)
    assert served is not None
    assert (tmp_path / "cert.pem").read_text() == ssl.DER_cert_to_PEM_cert(served)
    assert "CN=localhost" in command("certs", "show")


@pytest.mark.parametrize("presented", [("client.pem", "client.pem"), ("chain.pem", "key.pem"), ("cert.pem", "key.pem")])
@pytest.mark.parametrize("account", ["alice", "bob@lab.test"])
def test_certs_client(
    lab: LabProcess, command: Callable[..., str], tmp_path: Path, account: str, presented: tuple[str, str]
) -> None:
    """A certificate for an account logs it in with SASL EXTERNAL, without a password, with or without its chain."""
    command("certs", "client", account, str(tmp_path))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / presented[0], tmp_path / presented[1])
    with imaplib.IMAP4_SSL("localhost", lab.ports["imaps"], ssl_context=context, timeout=10) as imap:
        assert "AUTH=EXTERNAL" in imap.capabilities
        imap.authenticate("EXTERNAL", lambda _: b"")
        assert imap.state == "AUTH"
    succeeded = lab.events("AuthenticationSucceeded")[-1]
    assert (succeeded["account"], succeeded["mechanism"]) == (account.partition("@")[0], "EXTERNAL")


def test_certs_client_of_a_kept_authority(lab: LabProcess, tmp_path: Path) -> None:
    """The same seed makes the CA that the lab has, whether or not it runs."""
    out, _ = _plain("certs", "client", "alice", str(tmp_path), "--seed", "cli")
    assert {line.rpartition("/")[2] for line in out.splitlines()} == {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "ca.pem").read_bytes() == lab.ca.read_bytes()


def test_certs_that_the_lab_refuses(lab: LabProcess, tmp_path: Path) -> None:
    """What the lab cannot issue is one line; so is a question about two labs."""
    ready = ("--ready-file", str(lab.ready_file))
    _, err = _plain("certs", "client", "x" * 65, str(tmp_path), *ready, code=2)
    assert "common name" in err
    assert err.count("\n") == 1
    _, err = _plain("certs", "show", *ready, "--seed", "x", code=2)
    assert err.startswith("labserver: --ready-file means a running lab")
    _, err = _plain("certs", "show", "--ready-file", str(tmp_path / "none"), code=2)
    assert "is the lab running" in err


@pytest.mark.parametrize("verb", [("show",), ("export", "/dev/null/x"), ("client", "alice", "/dev/null/x")])
def test_certs_that_cannot_be(verb: tuple[str, ...]) -> None:
    """Bad options of certs are one line."""
    _, err = _plain("certs", *verb, "--host-name", "example.com", code=2)
    assert "--permit" in err.splitlines()[-1]
