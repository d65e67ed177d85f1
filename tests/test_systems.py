"""Other systems: what Linux has and others lack is wanted only by what needs it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labserver.cli.parser import every_command
from labserver.cli.parser import run as answered

_ROOT = Path(__file__).parents[1]
_UNIX_ONLY = ("fcntl", "grp", "pwd", "resource", "syslog", "termios")
_NO_UNIX = f"""
import importlib, pkgutil, sys


class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name in {_UNIX_ONLY}:
            raise ModuleNotFoundError(name, name=name)


for name in {_UNIX_ONLY}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Lacking())
"""
_EVERY_MODULE = """
import labserver

for module in pkgutil.walk_packages(labserver.__path__, "labserver."):
    importlib.import_module(module.name)
    print(module.name)
"""
_ONE_COMMAND = """
from labserver.__main__ import main

sys.argv[0] = "labserver"
sys.exit(main())
"""


def _without_unix(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _NO_UNIX + script, *words], cwd=_ROOT, capture_output=True, text=True, check=False
    )


def test_nothing_is_imported_that_only_unix_has() -> None:
    """Every module of the package is imported where there is neither ``fcntl`` nor anything else of Unix's own."""
    done = _without_unix(_EVERY_MODULE)
    assert done.returncode == 0, done.stderr
    assert {"labserver.__main__", "labserver.lab", "labserver.cli.up"} <= set(done.stdout.split())


def test_what_is_blocked_is_blocked() -> None:
    """The test above would see such an import."""
    for name in _UNIX_ONLY:
        assert "ModuleNotFoundError" in _without_unix(f"import {name}").stderr


@pytest.mark.parametrize("command", every_command())
def test_help_is_there_on_every_system(command: str) -> None:
    """The help of every command needs nothing of Unix's own."""
    done = _without_unix(_ONE_COMMAND, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: labserver {command}")


@pytest.mark.parametrize("words", [["up"], ["run", "--", "true"], ["env"], ["scenarios"]])
def test_a_system_without_users_is_told(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the system is no Unix a command says so in one line."""
    monkeypatch.delattr(os, "geteuid")
    assert answered(words) == 2
    out, said = capsys.readouterr()
    assert (out, said.count("\n")) == ("", 1)
    assert said.startswith("labserver: this system is no Unix")


def test_hosts_with_one_loopback_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where scenarios have no addresses of their own, all names are put on 127.0.0.1 without being asked."""
    monkeypatch.delattr(socket, "SO_BINDTODEVICE")
    assert answered(["hosts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("expired.lab.test" in line for line in lines)
    assert {line.split()[0] for line in lines if not line.startswith("#")} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("scenario", "place"),
    [
        ("expired", "-servername expired.lab.test"),
        ("starttls-stripped", "(labserver up --scenario starttls-stripped tells it)"),
    ],
)
def test_chains_with_one_loopback_address(
    scenario: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There, a chain is shown without an address, and met by name or on a port."""
    monkeypatch.delattr(socket, "SO_BINDTODEVICE")
    assert answered(["certs", "show", scenario, "--seed", "x"]) == 0
    out = capsys.readouterr().out
    told = [line for line in out.splitlines() if line.startswith(("Host names:", "To see it:"))]
    assert len(told) == 2
    assert place in told[1]
    assert not any("127.66." in line for line in told)
