"""``labserver env`` and ``transcript``: what is told of a lab that runs."""

from __future__ import annotations

import contextlib
import json
import poplib
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from labserver.pki.environment import Format
from tests.integration.labs import COMMAND
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


@pytest.mark.parametrize("form", list(Format))
def test_env(lab: LabProcess, command: Callable[..., str], form: Format) -> None:
    """Every format names every port and the CA."""
    out = command("env", "--format", form)
    for port in lab.ports.values():
        assert str(port) in out
    assert str(lab.ca) in out.replace("\\\\", "\\")
    if form is Format.JSON:
        assert json.loads(out)["SSL_CERT_FILE"] == str(lab.ca)


def test_env_of_the_lab_only(lab: LabProcess, command: Callable[..., str]) -> None:
    """--only-lab leaves alone what programs trust."""
    out = command("env", "--only-lab")
    assert "SSL_CERT_FILE" not in out
    assert str(lab.ports["imap"]) in out


def test_env_twice(command: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shell that has the variables already, they are told as they are."""
    first = command("env", "--format", "json")
    for name, value in json.loads(first).items():
        monkeypatch.setenv(name, value)
    assert command("env", "--format", "json") == first


def test_env_of_a_lab_that_is_gone(tmp_path: Path) -> None:
    """A ready file that a lab left behind tells nothing."""
    ready = tmp_path / "ready"
    ready.write_text(json.dumps({"ports": {"imap": 3143}, "control": str(tmp_path / "none"), "ca": {"pem": "/x"}}))
    out, err = _plain("env", "--ready-file", str(ready), code=2)
    assert out == ""
    assert err == "labserver: the lab does not answer: No such file or directory; is it still running?\n"


def test_env_in_a_shell(lab: LabProcess, command: Callable[..., str]) -> None:
    """What is printed for sh can be evaluated by sh."""
    script = command("env") + '\nprintf "%s" "$SSL_CERT_FILE"'
    assert subprocess.run(["sh", "-euc", script], check=True, capture_output=True).stdout.decode() == str(lab.ca)


def test_env_without_a_lab(tmp_path: Path) -> None:
    """Without a lab there is nothing to tell."""
    _, err = _plain("env", "--ready-file", str(tmp_path / "none"), code=2)
    assert err.count("\n") == 1
    assert "is the lab running" in err


@pytest.fixture(scope="module")
def spoken(lab: LabProcess) -> LabProcess:
    """Have two sessions: a login in TLS, and somebody who connects and leaves."""
    context = ssl.create_default_context(cafile=str(lab.ca))
    client = poplib.POP3_SSL("localhost", lab.ports["pop3s"], context=context)
    client.user("alice")
    client.pass_("secret")
    client.quit()
    with socket.create_connection(("127.0.0.1", lab.ports["imap"])) as other:
        other.recv(100)
        other.sendall(b"a LOGOUT\r\n")
        while other.recv(1000):
            pass
    return lab


@pytest.mark.usefixtures("spoken")
def test_transcript(command: Callable[..., str]) -> None:
    """The live transcript reads as a dialogue, credentials masked."""
    out = command("transcript")
    assert " C: USER alice" in out
    assert " C: PASS ****" in out
    assert "secret" not in out
    assert "-- TLS: TLSv1.3" in out
    assert "!C: a LOGOUT" in out
    assert ">>" not in out


@pytest.mark.usefixtures("spoken")
def test_transcript_with_secrets(command: Callable[..., str]) -> None:
    """Who asks for secrets gets them."""
    assert " C: PASS secret" in command("transcript", "--show-secrets")


@pytest.mark.usefixtures("spoken")
def test_transcript_raw(command: Callable[..., str]) -> None:
    """--raw shows what crossed the network."""
    assert " >> " in command("transcript", "--raw")


@pytest.mark.usefixtures("spoken")
def test_transcript_of_one_session(command: Callable[..., str]) -> None:
    """--session picks one."""
    events = [json.loads(line) for line in command("transcript", "--json", "--session", "2").splitlines()]
    assert {event["session"] for event in events} == {2}
    assert events[0]["service"] == "imap"


@pytest.mark.usefixtures("spoken")
def test_transcript_from_a_file(command: Callable[..., str], tmp_path: Path) -> None:
    """A file reads like the lab it came from."""
    live, lines = command("transcript"), command("transcript", "--json")
    (tmp_path / "file").write_text(lines)
    out, _ = _plain("transcript", str(tmp_path / "file"))
    assert out == live
    assert _plain("transcript", str(tmp_path / "file"), "--json")[0] == lines


@pytest.mark.parametrize("content", [b"{", b"[]\n", b'{"a": 1}\nx\n', b"\xff\xfe"])
def test_transcript_from_no_transcript(tmp_path: Path, content: bytes) -> None:
    """A file that is none is told, with the line."""
    (tmp_path / "file").write_bytes(content)
    _, err = _plain("transcript", str(tmp_path / "file"), code=2)
    assert err.count("\n") == 1
    assert "file" in err


def test_transcript_without_a_lab(tmp_path: Path) -> None:
    """A lab that is gone does not answer."""
    ready = tmp_path / "ready"
    ready.write_text(json.dumps({"ports": {}, "control": str(tmp_path / "none")}))
    _, err = _plain("transcript", "--ready-file", str(ready), code=2)
    assert "the lab does not answer" in err


def test_transcript_follow(lab: LabProcess) -> None:
    """--follow goes on with what happens, as it happens."""
    words = [*COMMAND, "transcript", "--follow", "--json", "--ready-file", str(lab.ready_file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as follower, contextlib.ExitStack() as stack:
        stack.callback(follower.terminate)  # also when nothing comes: leaving Popen waits for the process
        assert follower.stdout is not None
        mark = b"EHLO follow-me"
        with socket.create_connection(("127.0.0.1", lab.ports["smtp"])) as client:
            client.recv(1000)
            client.sendall(mark + b"\r\n")
            client.recv(1000)
            while mark not in follower.stdout.readline():
                pass
            client.sendall(b"EHLO later\r\n")
            while b"EHLO later" not in follower.stdout.readline():
                pass


def test_a_reader_that_goes(lab: LabProcess) -> None:
    """``labserver transcript | head`` is no error worth a traceback, and the lab does not mind."""
    words = " ".join([*COMMAND, "transcript", "--json", "--ready-file", str(lab.ready_file)])
    done = subprocess.run(["sh", "-c", f"{words} | head -n 1"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
