"""A scenario that a user writes in a minute works as it stands with up, run and check, and with real clients."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
from typing import TYPE_CHECKING

import pytest

from labserver.cli.parser import run
from tests.clients.sandbox import missing
from tests.docs.documents import ROOT
from tests.integration.labs import COMMAND, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

GREYLISTED = """\
[greylisted]
title = "Greylisting"
does = "It rejects the first two RCPT commands of a session with 450, then accepts."
services = ["smtp", "submission", "submissions"]

[[greylisted.misbehaviours]]
kind = "answer"
when = { command = "RCPT", nth = "1-2" }
send = "450 4.2.0 Greylisted, try again later"
"""
TOLD = (450, b"4.2.0 Greylisted, try again later")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file."""
    path = tmp_path / "greylist.toml"
    path.write_text(GREYLISTED)
    return path


def test_documented() -> None:
    """It is the file that the documents show."""
    assert GREYLISTED.strip() in (ROOT / "docs" / "USING.md").read_text(encoding="utf-8")


def test_up(file: Path, tmp_path: Path) -> None:
    """The first two recipients of each session are refused and get no mail; the lab's own ports are honest."""
    options = ("--scenario-file", str(file), "--scenario", "greylisted")
    with running(tmp_path / "lab", *options) as lab:
        (leased,) = lab.ready["scenarios"]
        assert leased["ports"].keys() == {"smtp", "submission", "submissions"}
        for _ in range(2):
            with smtplib.SMTP("127.0.0.1", leased["ports"]["smtp"]) as client:
                client.ehlo("client.test")
                client.mail("me@example.org")
                answers = [client.rcpt(f"{name}@lab.test") for name in ("bob", "bob", "alice", "alice")]
                assert answers[:2] == [TOLD, TOLD]
                assert {code for code, _ in answers[2:]} == {250}
                assert client.data("Subject: hello\r\n\r\nHello!\r\n")[0] == 250
        with smtplib.SMTP("127.0.0.1", lab.ports["smtp"]) as client:
            client.sendmail("me@example.org", "bob@lab.test", "Subject: honest\r\n\r\nHello!\r\n")
        got = [one["account"] for event in lab.events("MailDelivered") for one in event["envelope"]["recipients"]]
        assert got == ["alice", "alice", "alice", "alice", "bob"], "bob got nothing but what the honest server took"
        assert [event["facet"] for event in lab.events("Misbehaved")] == ["answer"] * 4
        lab.sound()


BUSY = 'answer command=RCPT nth=1-2 send="450 4.2.0 busy"'


def test_in_one_line(tmp_path: Path) -> None:
    """Without a file, the lab's own ports misbehave as an option says; a scenario's own ports do not."""
    options = ("--misbehave", BUSY, "--misbehave", "delay command=NOOP seconds=0.01", "--scenario", "good")
    with running(tmp_path / "lab", *options) as lab:
        (leased,) = lab.ready["scenarios"]
        for port, refused in ((lab.ports["smtp"], 2), (leased["ports"]["smtp"], 0)):
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.ehlo("client.test")
                client.mail("me@example.org")
                answers = [client.rcpt("bob@lab.test") for _ in range(3)]
                assert [code for code, _ in answers] == [450] * refused + [250] * (3 - refused)
                client.noop()
        facets = [(event["scenario"], event["facet"]) for event in lab.events("Misbehaved")]
        assert facets == [("misbehave", "answer")] * 2 + [("misbehave", "delay")]
        lab.sound()


@pytest.mark.parametrize("command", ["up", "run", "check"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anser", "labserver: --misbehave 'anser': unknown kind anser; did you mean answer?"),
        ("answer command=RCPT sned=x", "sned: unknown field or condition sned; did you mean send?"),
    ],
)
def test_a_mistake_in_one_line(command: str, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong in it is told before anything listens."""
    assert run([command, "--misbehave", text, *(["--", "true"] if command != "up" else [])]) == 2
    assert said in capsys.readouterr().err


def _swaks() -> None:
    if shutil.which("swaks") is None:
        missing("swaks")


@pytest.mark.client
def test_run(file: Path) -> None:
    """A command that is run meets it on the scenario's ports; swaks gives up, and is told why."""
    _swaks()
    command = (
        "import json, os; ready = json.load(open(os.environ['LABSERVER_READY_FILE']));"
        "port = ready['scenarios'][0]['ports']['smtp'];"
        "os.execvp('swaks', ['swaks', '--server', '127.0.0.1', '--port', str(port), '--to', 'bob@lab.test'])"
    )
    words = [*COMMAND, "run", "--scenario-file", str(file), "--scenario", "greylisted", "--"]
    done = subprocess.run(
        [*words, "python3", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "<** 450 4.2.0 Greylisted, try again later" in done.stdout
    assert done.returncode == 24, "swaks calls it a recipient that was refused"


@pytest.mark.client
def test_check(file: Path) -> None:
    """A client is judged by it, and what decides is said; swaks gives up for now, as it should."""
    _check(["--scenario-file", str(file)], "greylisted")


@pytest.mark.client
def test_check_in_one_line() -> None:
    """The same by the option."""
    _check(
        ["--misbehave", BUSY, "--service", "smtp", "--service", "submission", "--service", "submissions"], "misbehave"
    )


def _check(options: list[str], name: str) -> None:
    _swaks()
    client = (
        "tls=-tls; test {security} != tls || tls=-tlsc; swaks --server {host} --port {port} $tls --to {address}"
        " -au {user} -ap {password} --tls-verify --tls-ca-path {ca}"
    )
    words = [*COMMAND, "check", *options, "--timeout", str(PATIENCE), "--"]
    done = subprocess.run([*words, "sh", "-c", client], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.startswith(
        f"PASS           {name}@smtp\nPASS           {name}@submission\nPASS           {name}@submissions\n"
    )
    assert done.returncode == 0, done.stdout
    assert (
        f"labserver: {name}: no expectation is given, so the rules that always hold decide: no-secret-in-clear, "
    ) in done.stderr
