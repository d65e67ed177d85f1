"""Names: each way that this system has leads a program to the lab, and the system's own names stay."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from labserver.check.naming import LOCALHOST, Naming, choose_naming, hosts_file, namings, works
from tests.clients.sandbox import missing
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

_RESOLVE = "import socket, sys; print(*(socket.gethostbyname(name) for name in sys.argv[1:]))"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Return a hosts file with two scenarios."""
    path = tmp_path / "hosts"
    path.write_text(hosts_file([CATALOGUE["good"], CATALOGUE["expired"]]))
    return path


def test_hosts_file() -> None:
    """It has what the system's has, and every scenario's names."""
    lines = hosts_file([CATALOGUE["expired"]]).splitlines()
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
    """A name that no way can resolve leaves localhost, with a note that tells what is missing, and only that."""
    chosen = choose_naming(hosts, "no-such-name.lab.test")
    assert replace(chosen, note="") == replace(LOCALHOST, note="")
    assert chosen.note.startswith("scenario names cannot be resolved here, so clients get localhost")
    assert chosen.host(CATALOGUE["expired"]) == "localhost"
    installed = any(Path("/usr/lib").glob("*/libnss_wrapper.so"))
    assert ("install libnss-wrapper" in chosen.note) is not installed


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("unshare", "wrapper", "user", "told"),
    [
        (
            "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1",
            "libnss_wrapper.so",
            1000,
            (
                "unshare: unshare failed: Operation not permitted; libnss-wrapper is not installed. "
                "To give them names, install libnss-wrapper, or run as root"
            ),
        ),
        (
            "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1",
            "libnss_wrapper.so",
            0,
            "libnss-wrapper is not installed. To give them names, install libnss-wrapper",
        ),
        (
            "exit 1",
            "",
            0,
            (
                "unshare does not resolve x.test; libnss-wrapper does not resolve x.test. "
                "To give them names, allow unshare --mount, which a container needs CAP_SYS_ADMIN for"
            ),
        ),
        (
            "",
            "",
            1000,
            (
                "there is no program unshare; libnss-wrapper does not resolve x.test. "
                "To give them names, install util-linux, or run as root"
            ),
        ),
    ],
)
def test_advice(
    hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unshare: str, wrapper: str, user: int, told: str
) -> None:
    """The note names what is really missing, and a remedy for that."""
    if unshare:
        _program(tmp_path, "unshare", unshare)
    _program(
        tmp_path, "python", f'[ -z "{wrapper}" ] || echo "ld.so: object {wrapper} cannot be preloaded" >&2; exit 1'
    )
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert choose_naming(hosts, "x.test").note.endswith(told)


def test_the_wrapper_knows_every_name(tmp_path: Path) -> None:
    """libnss-wrapper has room for all names of the catalogue, also for those that come last."""
    path = tmp_path / "hosts"
    path.write_text(hosts_file(CATALOGUE.values()))
    *_, wrapper = namings(path)
    assert int(wrapper.environment["NSS_WRAPPER_MAX_HOSTENTS"]) > len(path.read_text().split())
    if not any(Path("/usr/lib").glob("*/libnss_wrapper.so")):
        missing("libnss-wrapper")
    names = [name for one in CATALOGUE for name in CATALOGUE[one].hosts_entries]
    command = [*wrapper.words, sys.executable, "-c", _RESOLVE, *names]
    done = subprocess.run(
        command, env=os.environ | wrapper.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr[-300:]
    assert set(done.stdout.split()) == {"127.0.0.1"}
    assert len(done.stdout.split()) == len(names)


def test_host() -> None:
    """A scenario is told by its name."""
    assert Naming().host(CATALOGUE["expired"]) == "expired.lab.test"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_another_host(host: str) -> None:
    """One that is reached at an address, or as localhost, is told so even where there are no names, and needs none."""
    scenario = replace(CATALOGUE["expired"], host=host)
    assert (Naming().host(scenario), LOCALHOST.host(scenario)) == (host, host)
    assert hosts_file([scenario]) == hosts_file([])


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
