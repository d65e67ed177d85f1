"""``labserver up`` as a process: how it says that it is ready, and every way in which it ends."""

from __future__ import annotations

import json
import os
import poplib
import select
import signal
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import COMMAND, running
from tests.patience import PATIENCE, unhurried

if TYPE_CHECKING:
    from collections.abc import Callable


_HANGUP = pytest.param(
    signal.SIGHUP,
    marks=pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="started with nohup"),
)


def _wait_until(ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not happen"
        select.select([], [], [], 0.01)


def _refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def _greeted(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        return client.recv(1000)


def test_ready_record(folder: Path) -> None:
    """The record tells programs what they need; standard output has it in one line, the file has it too."""
    with running(folder, "--user", "carol@d.test:pw") as lab:
        record = json.loads(lab.ready_file.read_text())
        assert record["schema"] == 1
        assert record["pid"] == lab.process.pid
        assert list(record["ports"]) == ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"]
        carol = record["accounts"][0]
        assert (carol["user"], carol["password"], carol["address"]) == ("carol", "pw", "carol@d.test")
        assert Path(record["ca"]["pem"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert Path(record["control"]).stat().st_mode & 0o777 == 0o600
        assert lab.ready_file.stat().st_mode & 0o777 == 0o600
        (line,) = [line for line in lab.log.read_text().splitlines() if line.startswith("labserver ready ")]
        assert json.loads(line.removeprefix("labserver ready ")) == record
        run_directory = Path(record["control"]).parent
        assert json.loads((run_directory / "ready.json").read_text()) == record


def test_all_ports_are_open_when_it_is_ready(folder: Path) -> None:
    """Ready means ready: every service answers on both families."""
    with running(folder, "--lmtp-port", "0") as lab:
        for service, port in lab.ports.items():
            if not service.endswith("s"):
                assert _greeted(port)[:3] in (b"220", b"* O", b"+OK"), service
            socket.create_connection(("127.0.0.1", port)).close()


def test_ready_fd(folder: Path) -> None:
    """A descriptor gets the record and its end, so that a reader need not look for a line."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        command = [*COMMAND, "up", "--ports", "any", "--ready-fd", str(writer), "--quiet"]
        environment = os.environ | {"XDG_RUNTIME_DIR": str(folder)}
        with subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.PIPE, env=environment) as process:
            os.close(writer)
            record = json.loads(stream.read())
            assert record["pid"] == process.pid
            process.terminate()
            assert process.stdout is not None
            out = process.stdout.read().decode()
        assert process.returncode == 0
        assert out == f"labserver ready {json.dumps(record)}\n", "--quiet prints this line only"


def test_ready_fd_may_be_standard_output(folder: Path) -> None:
    """Standard output stays open."""
    with running(folder, "--ready-fd", "1") as lab:
        assert lab.log.read_text().count('"schema": 1') == 2


def test_env_file(folder: Path) -> None:
    """The variables are in a file before the lab says that it is ready."""
    with running(folder, "--env-file", str(folder / "env")) as lab:
        lines = dict(line.split("=", 1) for line in (folder / "env").read_text().splitlines())
        assert str(lab.ports["imaps"]) in lines.values()
        assert str(lab.ca) in {value.strip("'\"") for value in lines.values()}
        assert (folder / "env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("option", ["--ready-file", "--env-file", "--transcript"])
def test_a_file_that_cannot_be_written(folder: Path, option: str) -> None:
    """A file that cannot be written ends the lab in good order."""
    command = [*COMMAND, "up", "--ports", "any", "--quiet", option, "/nonexistent/file"]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "/nonexistent/file" in done.stderr
    assert list((folder / "labserver").iterdir()) == []


def test_a_port_in_use(folder: Path) -> None:
    """A second lab on the same port is told so, and the first does not notice."""
    with running(folder) as lab:
        command = [*COMMAND, "up", "--ports", "any", "--imap-port", str(lab.ports["imap"])]
        environment = os.environ | {"XDG_RUNTIME_DIR": str(folder)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"port {lab.ports['imap']}: it is in use" in done.stderr
        assert _greeted(lab.ports["imap"]).startswith(b"* OK")


def test_two_labs_at_once(folder: Path) -> None:
    """Labs do not see each other: each has its CA, its mail and its folder."""
    with running(folder / "a", environment={"XDG_RUNTIME_DIR": str(folder)}) as one:
        with running(folder / "b", environment={"XDG_RUNTIME_DIR": str(folder)}) as other:
            assert not set(one.ports.values()) & set(other.ports.values())
            assert one.ca.read_bytes() != other.ca.read_bytes()
            with smtplib.SMTP("127.0.0.1", one.ports["smtp"]) as smtp:
                smtp.sendmail("a@b.test", ["alice@lab.test"], "Subject: x\r\n\r\n")
            assert one.events("DataReceived")
            assert not other.events("DataReceived")
        assert one.ca.exists(), "the other's end takes nothing with it"


def test_a_transcript_on_a_full_disk(folder: Path) -> None:
    """The transcript ends, which is said once; the lab goes on."""
    with running(folder, "--transcript", "/dev/full") as lab:
        assert _greeted(lab.ports["imap"])
        assert _greeted(lab.ports["pop3"])
        log = lab.log.read_text()
    assert log.count("--transcript /dev/full: No space left on device; it ends here\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, _HANGUP])
def test_drain(folder: Path, number: signal.Signals) -> None:
    """A signal says goodbye to everybody in their protocol's words, then ends with 0, and clears the folder."""
    with running(folder) as lab, ExitStack() as stack:
        clients = {}
        for service in ("smtp", "imap", "pop3"):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", lab.ports[service]), timeout=PATIENCE))
            assert client.recv(1000)
            clients[service] = client
        begun = time.monotonic()
        assert lab.end(number) == 0
        assert time.monotonic() - begun < unhurried(4), "nobody had to be waited for"
        said = {service: client.recv(1000) for service, client in clients.items()}
        assert said["smtp"].startswith(b"421 ")
        assert said["imap"].startswith(b"* BYE ")
        assert said["pop3"].startswith(b"-ERR ")
        assert all(client.recv(1000) == b"" for client in clients.values())
        assert "Traceback" not in lab.log.read_text()
        assert not Path(lab.ready["control"]).parent.exists()
        assert all(_refused(port) for port in lab.ports.values())


def test_mail_on_its_way_is_taken(folder: Path) -> None:
    """A client inside DATA when the signal comes has its message answered before the goodbye."""
    with running(folder) as lab, socket.create_connection(("127.0.0.1", lab.ports["smtp"]), timeout=PATIENCE) as client:
        stream = client.makefile("rwb")
        for line in (b"", b"EHLO me\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<alice@lab.test>\r\n", b"DATA\r\n"):
            stream.write(line)
            stream.flush()
            while (answer := stream.readline())[3:4] == b"-":
                pass
        assert answer.startswith(b"354")
        lab.process.send_signal(signal.SIGTERM)
        _wait_until(lambda: _refused(lab.ports["smtp"]))
        stream.write(b"Subject: x\r\n\r\n.\r\n")
        stream.flush()
        assert stream.readline().startswith(b"250 ")
        assert stream.readline().startswith(b"421 ")
        assert lab.process.wait(PATIENCE) == 0


def test_a_signal_twice(folder: Path) -> None:
    """The same signal again, at once, changes nothing: programs repeat it by accident."""
    with running(folder) as lab, socket.create_connection(("127.0.0.1", lab.ports["smtp"]), timeout=PATIENCE) as client:
        client.recv(1000)
        lab.process.send_signal(signal.SIGINT)
        assert lab.end(signal.SIGINT) == 0


def test_the_parents_pipe_ends(folder: Path) -> None:
    """With --exit-with-parent the end of standard input is the end."""
    with running(folder) as lab:
        assert lab.process.stdin is not None
        lab.process.stdin.write(b"whatever")
        lab.process.stdin.flush()
        assert _greeted(lab.ports["imap"])
        lab.process.stdin.close()
        assert lab.process.wait(PATIENCE) == 0


def test_the_parent_is_killed(folder: Path) -> None:
    """With --exit-with-parent a parent that is killed takes its lab with it, standard input or not."""
    ready = folder / "ready.json"
    lab = [*COMMAND, "up", "--ports", "any", "--exit-with-parent", "--ready-file", str(ready), "--quiet"]
    script = f"import subprocess; subprocess.run({lab!r}, stdin=subprocess.DEVNULL)"
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL, env=environment) as parent:
        _wait_until(ready.exists)
        record = json.loads(ready.read_text())
        assert not _refused(record["ports"]["imap"])
        parent.kill()
    _wait_until(lambda: _refused(record["ports"]["imap"]))
    _wait_until(lambda: not Path(record["control"]).parent.exists())


def test_without_standard_input(folder: Path) -> None:
    """A closed standard input is nobody to watch, and no reason to fail."""
    ready = folder / "ready.json"
    words = " ".join([*COMMAND, "up", "--ports", "any", "--exit-with-parent", "--quiet", "--ready-file", str(ready)])
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder)}
    with subprocess.Popen(
        ["sh", "-c", f"exec {words} <&-"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        _wait_until(ready.exists)
        process.terminate()
        _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert complaints == b""


def test_killed_labs_are_cleared_away(folder: Path) -> None:
    """What a killed lab leaves, the next one clears."""
    environment = {"XDG_RUNTIME_DIR": str(folder)}
    with running(folder / "a", environment=environment) as lab:
        left = Path(lab.ready["control"]).parent
        lab.end(signal.SIGKILL)
        assert left.exists()
    with running(folder / "b", environment=environment):
        assert not left.exists()


def test_transcript_file(folder: Path) -> None:
    """--transcript keeps everything said in a file, masked; --show-secrets does not mask."""
    for number, options in enumerate(([], ["--show-secrets"])):
        file = folder / f"transcript{number}"
        with running(folder, "--allow-cleartext-auth", "--transcript", str(file), *options) as lab:
            client = poplib.POP3("127.0.0.1", lab.ports["pop3"])
            client.user("alice")
            client.pass_("secret")
            client.quit()
            assert lab.end() == 0
        events = [json.loads(line) for line in file.read_text().splitlines()]
        assert [event["event"] for event in events][-1] == "Disconnected"
        (said,) = [event["data"] for event in events if event.get("verb") == "PASS"]
        assert said == ("PASS secret\r\n" if options else "PASS ****\r\n")


def test_it_ends_while_a_follower_reads(folder: Path) -> None:
    """A follower of the transcript does not keep the lab from ending, and ends with it."""
    with running(folder) as lab:
        command = [*COMMAND, "transcript", "--follow", "--ready-file", str(lab.ready_file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follower:
            assert follower.stdout is not None
            _greeted(lab.ports["imap"])
            assert b"connected" in follower.stdout.readline()
            assert lab.end() == 0
            _, complaints = follower.communicate(timeout=PATIENCE)
        assert follower.returncode == 0
        assert complaints == b""
        assert "Traceback" not in lab.log.read_text()
        assert "Task" not in lab.log.read_text()


def test_log_levels(folder: Path) -> None:
    """--log info tells of sessions; --log debug of what they say, masked."""
    with running(folder, "--log", "debug", "--allow-cleartext-auth") as lab:
        client = poplib.POP3("127.0.0.1", lab.ports["pop3"])
        client.user("alice")
        client.pass_("secret")
        client.quit()
        assert lab.end() == 0
        log = lab.log.read_text()
        assert "INFO: " in log
        assert "C: PASS ****" in log
        assert "PASS secret" not in log


def test_strict_smtp_syntax_needs_users_whom_it_lets_be_mailed_to() -> None:
    """A user whom nobody could mail to is refused at the start, by name."""
    words = ("up", "--ports", "any", "--strict-smtp-syntax", "--user", "www-data@web_1:pw")
    ended = subprocess.run([*COMMAND, *words], capture_output=True, timeout=PATIENCE, check=False)
    assert ended.returncode != 0
    assert b"--user www-data@web_1: --strict-smtp-syntax lets nobody mail to this address" in ended.stderr
    assert b"pw" not in ended.stderr
