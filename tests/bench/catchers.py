"""Catchers that people know, beside the lab: exec to greeting, mail per second, memory; each only if it is there.

Mailpit and maildev are looked for on PATH (`go install github.com/axllent/mailpit@latest`, `npm install maildev`), the
jar of GreenMail standalone in the variable GREENMAIL_JAR.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.comparison import OURS, interleaved, table
from tests.bench.processes import free_port, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.comparison import Sample

__all__ = ["run"]

_HOST = "127.0.0.1"
_ROOT = Path(__file__).parents[2]
_GREETED = "exec to the SMTP greeting"
_TAKEN = "mail of 4 KiB, ten sessions, connections kept"
_USED = "the same: server's processor time"
_READY, _FULL = "memory when ready", "memory with the mail of the run"


def run(folder: Path, *, rounds: int, messages: int) -> str:
    """Start each, send it mail, look at its memory."""
    contenders = {name: partial(_turn, folder, command, messages) for name, command in _commands().items()}
    contenders[OURS]()  # so that its modules are compiled and in the page cache
    found = interleaved(contenders, rounds)
    units = {_GREETED: "s", _TAKEN: "messages/s", _USED: "ms/message", _READY: "MiB", _FULL: "MiB"}
    lines = [
        found.line(what, unit=unit, peer=peer) for what, unit in units.items() for peer in contenders if peer != OURS
    ]
    return table("Catchers", lines)


def _commands() -> dict[str, Callable[[int], list[str]]]:
    """Return how each that is there is started with SMTP on a port: on loopback, keeping mail in its usual way."""
    found: dict[str, Callable[[int], list[str]]] = {
        OURS: lambda port: [
            *(sys.executable, "-m", "labserver", "up", "--ports", "any", "--bind", _HOST, "--smtp-port", str(port)),
            "--quiet",
        ]
    }
    if mailpit := shutil.which("mailpit"):
        quiet = ("--quiet", "--disable-version-check", "--smtp-disable-rdns", "--max", "0")
        found["Mailpit"] = lambda port: [mailpit, "--smtp", _at(port), "--listen", _at(free_port()), *quiet]
    if maildev := shutil.which("maildev"):
        where = ("--ip", _HOST, "--web-ip", _HOST, "--silent")
        found["maildev"] = lambda port: [maildev, "--smtp", str(port), "--web", str(free_port()), *where]
    java, jar = shutil.which("java"), os.environ.get("GREENMAIL_JAR")
    if java and jar:
        found["GreenMail"] = lambda port: [
            *(java, f"-Dgreenmail.smtp.port={port}", f"-Dgreenmail.smtp.hostname={_HOST}", "-Dgreenmail.auth.disabled"),
            *(f"-Dgreenmail.api.port={free_port()}", f"-Dgreenmail.api.hostname={_HOST}", "-jar", jar),
        ]
    return found


def _at(port: int) -> str:
    return f"{_HOST}:{port}"


def _turn(folder: Path, command: Callable[[int], list[str]], messages: int) -> Sample:
    port = free_port()
    with running(command(port), log=folder / "catcher.log", ready=_greets(port), cwd=_ROOT) as server:
        sample = {_GREETED: server.seconds, _READY: server.resident() / (1 << 20)}
        used, before = server.processor_seconds(), time.perf_counter()
        amount = ("-d", "-s", "10", "-m", str(messages), "-l", "4096")
        envelope = ("-f", "bench@example.org", "-t", "alice@lab.test")
        subprocess.run(["smtp-source", *amount, *envelope, _at(port)], check=True)
        sample[_TAKEN] = messages / (time.perf_counter() - before)
        sample[_USED] = (server.processor_seconds() - used) * 1000 / messages
        sample[_FULL] = server.resident() / (1 << 20)
    return sample


def _greets(port: int) -> Callable[[subprocess.Popen[bytes]], bytes]:
    """Return what waits until the port greets as SMTP does."""

    def wait(process: subprocess.Popen[bytes]) -> bytes:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((_HOST, port)) as client:
                client.settimeout(PATIENCE)
                if (greeting := client.recv(512)).startswith(b"220"):
                    return greeting
            time.sleep(0.001)  # finer than what is measured; there is nothing else to wait on
        raise RuntimeError(f"nothing greets on port {port}")

    return wait
