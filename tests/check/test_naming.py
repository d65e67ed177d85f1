"""Names: each way that this system has leads a program to the lab, and the system's own names stay."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.catalogue.entries import CATALOGUE
from labserver.check.naming import LOCALHOST, Naming, choose_naming, hosts_file, namings, works

if TYPE_CHECKING:
    from pathlib import Path

_RESOLVE = "import socket, sys; print(*(socket.gethostbyname(name) for name in sys.argv[1:]))"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Return a hosts file with two scenarios."""
    path = tmp_path / "hosts"
    path.write_text(hosts_file(["good", "expired"]))
    return path


def test_hosts_file() -> None:
    """It has what the system's has, and every scenario's names."""
    lines = hosts_file(["expired"]).splitlines()
    assert lines[-1] == "127.0.0.1 expired.lab.test expired.lab.localhost"
    assert any("localhost" in line for line in lines[:-1])


def test_ways_that_work(hosts: Path) -> None:
    """Whatever works here resolves all names for the client, whose own identity it leaves alone."""
    working = [way for way in namings(hosts) if works(way, "good.lab.test")]
    code = f"import os; assert os.geteuid() == {os.geteuid()}; {_RESOLVE}"
    for way in working:
        command = [*way.words, sys.executable, "-c", code, "good.lab.test", "expired.lab.test", "localhost"]
        done = subprocess.run(command, env=os.environ | way.environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["127.0.0.1"] * 3
    assert choose_naming(hosts, "good.lab.test") == (working[0] if working else LOCALHOST)


def test_nothing_works(hosts: Path) -> None:
    """A name that no way can resolve leaves localhost, with a note."""
    chosen = choose_naming(hosts, "no-such-name.lab.test")
    assert chosen is LOCALHOST
    assert "libnss-wrapper" in chosen.note
    assert chosen.host("expired") == "localhost"


def test_host() -> None:
    """A scenario is told by its name."""
    assert Naming().host("expired") == "expired.lab.test"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_another_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is reached at an address, or as localhost, is told so even where there are no names, and needs none."""
    monkeypatch.setitem(CATALOGUE.written, "x", replace(CATALOGUE["expired"], id="x", host=host))
    assert (Naming().host("x"), LOCALHOST.host("x")) == (host, host)
    assert hosts_file(["x"]) == hosts_file([])


def test_ways_differ_in_rights(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root mounts without a user namespace; everybody else becomes themselves again."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    first, second = namings(hosts)
    assert "--map-root-user" in first.words
    assert any("--map-user=1000 --map-group=100" in word for word in first.words)
    assert second.environment["LD_PRELOAD"].startswith("libnss_wrapper.so")


def test_a_way_that_is_not_there(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where programs for a way are missing, the next one is tried."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert choose_naming(hosts, "good.lab.test").words == ()
