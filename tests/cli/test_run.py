"""``labserver run``: the command finds the lab, its exit code is ours, signals reach it, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import COMMAND
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HANGUP = pytest.param(
    signal.SIGHUP,
    marks=pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="started with nohup"),
)

_SEND = """
import os, smtplib, ssl, poplib
context = ssl.create_default_context()
with smtplib.SMTP(os.environ["LABSERVER_HOST"], int(os.environ["LABSERVER_PORT_SMTP"])) as smtp:
    smtp.starttls(context=context)
    smtp.sendmail("a@b.test", ["alice@lab.test"], "Subject: from run\\r\\n\\r\\n")
pop = poplib.POP3_SSL(os.environ["LABSERVER_HOST"], int(os.environ["LABSERVER_PORT_POP3S"]), context=context)
pop.user("alice"); pop.pass_("secret")
print(pop.retr(1)[1][0].decode())
pop.quit()
"""


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"XDG_RUNTIME_DIR": str(folder)}


def _run(folder: Path, *words: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, "run", *options, "--", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=_environment(folder),
    )
    assert list((folder / "labserver").glob("*")) == []
    assert "Traceback" not in done.stderr
    return done


def test_the_command_finds_and_trusts_the_lab(folder: Path) -> None:
    """A program that knows nothing of labs sends and reads mail with verified TLS, by its environment alone."""
    done = _run(folder, sys.executable, "-c", _SEND)
    assert (done.stdout, done.stderr, done.returncode) == ("Subject: from run\n", "", 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 128 + 9),
        (["no-such-program-anywhere"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_exit_codes(folder: Path, words: list[str], code: int) -> None:
    """The command's exit code is ours; a shell's codes for what cannot be run."""
    done = _run(folder, *words)
    assert done.returncode == code
    assert done.stderr.count("\n") == (code in (126, 127))


def test_options_of_the_command_are_its_own(folder: Path) -> None:
    """What follows the dashes is not ours, also when it looks like an option of the lab."""
    done = _run(folder, "sh", "-c", 'echo "$@"', "sh", "--services", "x", "--", "-q", options=["--services", "imap"])
    assert done.stdout == "--services x -- -q\n"


def test_the_labs_own_options(folder: Path) -> None:
    """Options before the dashes are the lab's."""
    done = _run(folder, "sh", "-c", "env | grep -c '^LABSERVER_PORT_'", options=["--services", "imap,smtp"])
    assert done.stdout == "2\n"


def test_scenarios_on_ports_of_their_own(folder: Path) -> None:
    """Each --scenario has variables of its own: a port for each service, and what to trust."""
    options = ("--services", "imap,imaps", "--scenario", "expired", "--scenario", "deep", "--scenario", "revoked")
    done = _run(folder, "sh", "-c", "env | grep ^LABSERVER_ | sort", options=options)
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    ports = {told[f"LABSERVER_{place}PORT_IMAPS"] for place in ("", "SCENARIO_EXPIRED_", "SCENARIO_DEEP_")}
    assert len(ports) == 3
    assert told["LABSERVER_SCENARIO_EXPIRED_CA_PEM"] == told["LABSERVER_CA_PEM"]
    assert told["LABSERVER_SCENARIO_DEEP_CA_PEM"] != told["LABSERVER_CA_PEM"]
    assert told["LABSERVER_SCENARIO_REVOKED_CRL_PEM"].endswith(".pem")


def test_nothing_to_run(folder: Path) -> None:
    """Without a command there is nothing to do."""
    done = _run(folder)
    assert done.returncode == 2
    assert done.stderr == "labserver: no command given: labserver run [options] -- CMD [arguments]\n"


def test_standard_streams_are_the_commands(folder: Path) -> None:
    """Input and output go through untouched."""
    done = subprocess.run(
        [*COMMAND, "run", "--", "cat"],
        input=b"\0\xff\r\n",
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        env=_environment(folder),
    )
    assert done.stdout == b"\0\xff\r\n"


_WAITS = """
import signal, sys
awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # a handler might come in the middle of the print
print("ready", flush=True)
print(signal.sigwait(awaited).name, flush=True)
sys.exit(3)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, _HANGUP])
def test_signals_reach_the_command(folder: Path, number: signal.Signals) -> None:
    """The signal we get is the one the command gets; we end when it has ended, with its code."""
    command = [*COMMAND, "run", "--", sys.executable, "-c", _WAITS]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=_environment(folder)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == f"{number.name}\n"
        assert process.wait(PATIENCE) == 3
    assert list((folder / "labserver").iterdir()) == []


def test_a_hangup_after_nohup(folder: Path) -> None:
    """Who had hangups ignored is not ended by one."""
    command = ["nohup", *COMMAND, "run", "--", sys.executable, "-c", _WAITS]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(folder)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"SIGTERM\n"
        assert process.wait(PATIENCE) == 3


def test_commands_inside_find_their_lab(folder: Path) -> None:
    """``labserver transcript`` inside ``run`` means the lab around it."""
    connect = 'import os, socket; socket.create_connection(("127.0.0.1", int(os.environ["LABSERVER_PORT_SMTP"])))'
    transcript = " ".join([*COMMAND, "transcript", "--json"])
    done = _run(folder, "sh", "-c", f"'{sys.executable}' -c '{connect}' && {transcript}")
    assert '"event":"Connected"' in done.stdout
    assert done.returncode == 0
