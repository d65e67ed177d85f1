"""``labserver certs``: the certificates of a lab that runs, and of one that would."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import re
import socket
import ssl
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.cli.chain_sources import ImaginedLab
from labserver.cli.scenario_chains import shown
from labserver.errors import UnavailableError
from labserver.pki.material import Wanted
from labserver.scenario import USUAL_HOST
from tests.exports.files import certificates
from tests.integration.labs import COMMAND
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.labs import LabProcess


def _plain(*words: str, code: int = 0) -> tuple[str, str]:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
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
        socket.create_connection(("127.0.0.1", lab.ports["imaps"]), timeout=PATIENCE) as plain,
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
    with imaplib.IMAP4_SSL("localhost", lab.ports["imaps"], ssl_context=context, timeout=PATIENCE) as imap:
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


def test_show_a_scenario() -> None:
    """A scenario's chain is told with what is wrong, what a client does, the clause, and how to see it."""
    out, _ = _plain("certs", "show", "expired", "--seed", "x", "--now", "2026-11-23")
    assert "What is wrong: It presents a certificate whose validity ended yesterday.\n" in out
    assert "A correct client: It ends the connection" in out
    assert "Severity: critical\n" in out
    assert "See: RFC 5280 6.1.3 (a)(2); badssl: expired; EAST: Certificate Validation/T_4\n" in out
    assert "Host names: expired.lab.test, expired.lab.localhost, 127.66." in out
    assert "s_client -connect localhost:$LABSERVER_PORT_IMAPS -servername expired.lab.test -showcerts\n" in out
    assert "valid       2026-11-22 00:00:00 to 2026-11-22 23:59:59 UTC, ended 0 hours ago\n" in out
    assert out == _plain("certs", "show", "expired", "--seed", "x", "--now", "2026-11-23T01:00:00+01:00")[0]


def test_show_every_scenario_with_a_chain() -> None:
    """Whatever a scenario presents, there are words for it, of what is malformed and of what has an own anchor, too."""
    source = ImaginedLab(CATALOGUE, Wanted(seed="x"))
    for identifier, scenario in CATALOGUE.items():
        if not scenario.usual_certificate and not source_refuses(source, identifier):
            words = shown(identifier, CATALOGUE, source, {"imaps": 1})
            assert scenario.does.split(maxsplit=1)[0] in words
            assert words.count("sha256 ") >= 1


def source_refuses(source: ImaginedLab, identifier: str) -> bool:
    """Tell whether this host cannot make the chain."""
    try:
        source.scenario(identifier)
    except UnavailableError:
        return True
    return False


def test_show_the_running_labs_scenario(lab: LabProcess, command: Callable[..., str]) -> None:
    """From a running lab it is the chain that is served there, and the line to see it works."""
    out = command("certs", "show", "wrong-host")
    (line,) = (line for line in out.splitlines() if line.startswith("To see it: "))
    seen = subprocess.run(
        [*line.removeprefix("To see it: ").split(), "-CAfile", lab.ca],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    pem = seen.stdout[seen.stdout.index("-----BEGIN") : seen.stdout.index("-----END")] + "-----END CERTIFICATE-----\n"
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()
    assert f"sha256      {digest}\n" in out


def test_show_what_there_is_not(lab: LabProcess) -> None:
    """A scenario that is not there, or that this lab cannot make, is one line."""
    _, err = _plain("certs", "show", "nonesuch", "--ready-file", str(lab.ready_file), code=2)
    assert err == "labserver: unknown scenario nonesuch; labserver scenarios lists them\n"
    _, err = _plain("certs", "show", "expired", "--issuer", "trustme", code=1)
    assert "leave --issuer out" in err


def test_show_what_begins_in_clear() -> None:
    """A scenario that is not there from the first octet on is seen by STARTTLS."""
    out, _ = _plain("certs", "show", "response-injection", "--seed", "x")
    assert re.search(
        r"^To see it: openssl s_client -connect 127\.66\.\S+ -starttls smtp -showcerts$", out, re.MULTILINE
    )


def test_show_what_has_to_be_asked_for() -> None:
    """A staple is seen by a client that asks for it."""
    out, _ = _plain("certs", "show", "ocsp-stapled-revoked", "--seed", "x")
    assert re.search(r"^To see it: openssl s_client .* -status -showcerts$", out, re.MULTILINE)


def test_export_scenarios(tmp_path: Path) -> None:
    """Chains are written with their index, for the names by which the servers are reached; what cannot be is told."""
    out, err = _plain("certs", "export", str(tmp_path), "--seed", "x", "--scenario", "wildcard*", "--scenario", "good*")
    assert out.splitlines() == [str(tmp_path / name) for name in ("index.json", "README.md", "SHA256SUMS")]
    assert "PUBLIC KNOWLEDGE" in err
    lines = {line["id"]: line for line in json.loads((tmp_path / "index.json").read_text())["scenarios"]}
    assert {"wildcard", "good", "good-trustme"} <= lines.keys()
    assert lines["good"]["anchor"] == "lab"
    assert lines["good-trustme"]["anchor"] == "own"
    assert lines["wildcard"]["public_keys"] is True
    for name, line in lines.items():
        assert {path.name for path in (tmp_path / name).iterdir()} == set(line["files"])
    context = ssl.create_default_context(cafile=str(tmp_path / "good" / "anchors.pem"))
    context.load_cert_chain(tmp_path / "good" / "chain.pem", tmp_path / "good" / "key.pem")


def test_export_for_other_hosts(tmp_path: Path) -> None:
    """With --host the names inside are those and no scenario's, but for recipes that are about names of the lab."""
    hosts = ("imap.example.org", "smtp.example.org")
    options = [word for host in hosts for word in ("--host", host)]
    _plain("certs", "export", str(tmp_path), "--seed", "x", "--scenario", "*", *options, "--permit", "example.org")
    lines = {line["id"]: line for line in json.loads((tmp_path / "index.json").read_text())["scenarios"]}
    own = {name for name, line in lines.items() if "--host" in str(line["notes"])}
    assert {name for name in lines if CATALOGUE[name].host != USUAL_HOST} <= own
    assert len(own) < len(lines) / 3
    for name, line in lines.items():
        assert line["host_names"] == list(CATALOGUE[name].host_names if name in own else hosts)
        if name not in own and line["files"]:
            assert f"{name}.lab.".encode() not in b"".join(certificates(tmp_path / name / "chain.pem"))
    leaf = x509.load_pem_x509_certificate((tmp_path / "expired" / "chain.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName)[:2] == list(hosts)


def test_what_no_file_says(tmp_path: Path) -> None:
    """Scenarios about the messages of the handshake, or chains of which there are many, say so in the index."""
    names = ("key-mismatch", "client", "cert-rotates-each-connection", "dual-rsa-ecdsa", "ber-indefinite-length")
    options = [word for name in names for word in ("--scenario", name)]
    _plain("certs", "export", str(tmp_path), "--seed", "x", *options)
    lines = {line["id"]: line for line in json.loads((tmp_path / "index.json").read_text())["scenarios"]}
    assert all("no file tells" in str(lines[name]["notes"]) and not lines[name]["files"] for name in names[:2])
    assert all(lines[name]["available"] for name in names)
    assert "makes another for each connection" in str(lines[names[2]]["notes"])
    assert "another chain beside it" in str(lines[names[3]]["notes"])
    assert "present it otherwise than it is" in str(lines[names[4]]["notes"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "mail.lab.test"), "--scenario"),
        (("--scenario", "nonesuch"), "nonesuch"),
        (("--scenario", "good", "--host", "127.0.0.1"), "a name below a domain"),
        (("--scenario", "good", "--host", "localhost"), "a name below a domain"),
        (("--scenario", "good", "--host", "mail.example.org"), "--permit"),
        (("--scenario", "good", "--state", "x", "--now", "2026-01-01"), "--now"),
        (("--scenario", "good", "--now", "noon"), "'noon' is not a time"),
    ],
)
def test_exports_that_cannot_be(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """What cannot be exported is one line, and nothing is written."""
    _, err = _plain("certs", "export", str(tmp_path / "out"), "--host-name", "localhost", *options, code=2)
    assert said in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_export_scenarios_of_the_running_lab(lab: LabProcess, command: Callable[..., str], tmp_path: Path) -> None:
    """What is exported from a running lab is what it serves; other names are made by its CA."""
    command("certs", "export", str(tmp_path / "a"), "--scenario", "expired")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", lab.ports["imaps"]), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="expired.lab.test") as tls,
    ):
        served = tls.getpeercert(binary_form=True)
    assert served is not None
    assert (tmp_path / "a/expired/chain.pem").read_text().startswith(ssl.DER_cert_to_PEM_cert(served))
    command("certs", "export", str(tmp_path / "b"), "--scenario", "expired", "--host", "other.lab.test")
    leaf = x509.load_pem_x509_certificate((tmp_path / "b/expired/chain.pem").read_bytes())
    assert "CN=other.lab.test" in leaf.subject.rfc4514_string()
    assert (tmp_path / "b/expired/anchors.pem").read_bytes() == lab.ca.read_bytes()


def test_export_without_a_lab(tmp_path: Path) -> None:
    """Where no lab runs, a CA is made for the export, and that is said; the lab's own chain needs a lab."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    environment.pop("LABSERVER_READY_FILE", None)
    run = partial(subprocess.run, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    done = run([*COMMAND, "certs", "export", str(tmp_path / "out"), "--scenario", "good"])
    assert (done.returncode, done.stderr) == (
        0,
        "labserver: this is a new CA, which no lab uses; --state or --seed means a lab's\n",
    )
    assert (tmp_path / "out/good/key.pem").stat().st_mode & 0o777 == 0o600
    assert run([*COMMAND, "certs", "export", str(tmp_path / "other")]).returncode == 2
