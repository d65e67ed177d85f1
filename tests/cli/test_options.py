"""Options to settings: what each means, and one clear line for each that cannot be."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labserver.cli.options import add_lab_options, settings_from
from labserver.cli.parser import run
from labserver.limits import Limits
from labserver.mailstore.directory import DEFAULT_USERS, User
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore
from labserver.pki.material import IssuerName
from labserver.services import SERVICES
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.settings import Settings


def _settings(*arguments: str, any_ports: bool = False) -> Settings:
    parser = argparse.ArgumentParser()
    add_lab_options(parser, any_ports=any_ports)
    return settings_from(parser.parse_args(arguments), CATALOGUE)


_USUAL = {service.name: service.port for service in SERVICES.values() if service.default}
_TABLE: list[tuple[list[str], Callable[[Settings], object], object]] = [
    ([], lambda it: it.ports, _USUAL),
    ([], lambda it: it.addresses, ("127.0.0.1", "::1")),
    ([], lambda it: it.users, DEFAULT_USERS),
    ([], lambda it: it.catch_all, "catchall"),
    ([], lambda it: it.limits, Limits()),
    ([], lambda it: (it.accept_any, it.cleartext_auth, it.durable, it.trace_headers, it.apop), (False,) * 5),
    (
        [],
        lambda it: (it.store, it.mechanisms, it.key_log, it.preload, it.imap_without),
        (None, None, None, (), frozenset()),
    ),
    (["--ports", "any"], lambda it: it.ports, dict.fromkeys(_USUAL, 0)),
    (["--port-offset", "100"], lambda it: it.ports, {name: port + 100 for name, port in _USUAL.items()}),
    (["--imap-port", "1143"], lambda it: it.ports, _USUAL | {"imap": 1143}),
    (["--imap-port", "0"], lambda it: it.ports["imap"], 0),
    (["--lmtp-port", "2424"], lambda it: it.ports["lmtp"], 2424),
    (["--services", "imap, smtp"], lambda it: it.ports, {"smtp": 3025, "imap": 3143}),
    (["--services", "lmtp"], lambda it: it.ports, {"lmtp": 3024}),
    (["--services", "imap", "--imap-port", "5", "--port-offset", "9"], lambda it: it.ports, {"imap": 5}),
    (["--bind", "127.0.0.2", "--bind", "::1", "--bind", "127.0.0.2"], lambda it: it.addresses, ("127.0.0.2", "::1")),
    (["--user", "x:y"], lambda it: it.users, (User(name="x", password="y"),)),
    (["--user", "x@d.test:a:b"], lambda it: it.users, (User(name="x", domain="d.test", password="a:b"),)),
    (["--accept-any"], lambda it: it.accept_any, True),
    (["--catch-all", "bob"], lambda it: it.catch_all, "bob"),
    (["--strict-recipients"], lambda it: it.catch_all, None),
    (["--store", "f", "--durable"], lambda it: (it.store, it.durable), (Path("f"), True)),
    (["--preload", "a", "--preload", "b"], lambda it: it.preload, (Path("a"), Path("b"))),
    (["--trace-headers"], lambda it: it.trace_headers, True),
    (["--host-name", "h.lab.test"], lambda it: it.certificates.host, "h.lab.test"),
    (["--issuer", "trustme"], lambda it: it.certificates.issuer, IssuerName("trustme")),
    (["--permit", "a.test", "--permit", "b.test"], lambda it: it.certificates.permit, ("a.test", "b.test")),
    (["--seed", "s"], lambda it: it.certificates.seed, "s"),
    (["--state", "d"], lambda it: it.certificates.state, Path("d")),
    (
        ["--cert", "c", "--key", "k"],
        lambda it: (it.certificates.certificate, it.certificates.key),
        (Path("c"), Path("k")),
    ),
    (["--tls-engine", "stdlib"], lambda it: it.tls_engine, "stdlib"),
    (["--key-log", "k"], lambda it: it.key_log, Path("k")),
    (["--client-certificates"], lambda it: it.client_certificates, True),
    (["--allow-cleartext-auth"], lambda it: it.cleartext_auth, True),
    (["--mechanisms", "plain,LOGIN"], lambda it: it.mechanisms, frozenset({"PLAIN", "LOGIN"})),
    (["--mechanisms", "plain", "--anonymous"], lambda it: it.mechanisms, frozenset({"PLAIN", "ANONYMOUS"})),
    (["--anonymous"], lambda it: "ANONYMOUS" in (it.mechanisms or ()) and "PLAIN" in (it.mechanisms or ()), True),
    (["--imap-without", "idle,Move"], lambda it: it.imap_without, frozenset({"IDLE", "MOVE"})),
    (["--apop"], lambda it: it.apop, True),
    ([], lambda it: it.strict_smtp_syntax, False),
    ([], lambda it: it.keep_line_ends, False),
    (["--keep-line-ends"], lambda it: it.keep_line_ends, True),
    ([], lambda it: it.pop3_lock, True),
    (["--no-pop3-lock"], lambda it: it.pop3_lock, False),
    ([], lambda it: list(it.folders), ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"]),
    (["--folders", "none"], lambda it: it.folders, {"INBOX": None}),
    (["--folders", "Sent, a/b"], lambda it: it.folders, {"INBOX": None, "Sent": "\\Sent", "a/b": None}),
    (["--strict-smtp-syntax"], lambda it: it.strict_smtp_syntax, True),
    (["--max-message-size", "10M"], lambda it: it.limits.message_size, 10 << 20),
    (["--max-message-size", "10MiB"], lambda it: it.limits.message_size, 10 << 20),
    (["--max-message-size", "10mb"], lambda it: it.limits.message_size, 10 << 20),
    (["--max-mailbox-size", "2g"], lambda it: it.limits.mailbox_size, 2 << 30),
    (["--max-smtp-line", "64K"], lambda it: it.limits.smtp_line, 64 << 10),
    (["--max-memory", "1T"], lambda it: it.limits.memory, 1 << 40),
    (
        ["--scenario", "expired", "--scenario", "deep", "--scenario", "expired"],
        lambda it: it.scenarios,
        ("expired", "deep"),
    ),
    (["--scenario", "deep", "--scenario", "starttls-r*"], lambda it: it.scenarios[:2], ("deep", "starttls-refused")),
    (["--scenario", "self-sign?d", "--scenario", "[e]xpired"], lambda it: it.scenarios, ("self-signed", "expired")),
]


@pytest.mark.parametrize(("arguments", "ask", "expected"), _TABLE)
def test_settings(arguments: list[str], ask: Callable[[Settings], object], expected: object) -> None:
    """Each option changes what it says."""
    assert ask(_settings(*arguments)) == expected


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_limits(field: dataclasses.Field[Any]) -> None:
    """Each limit is an option, and changes nothing else."""
    value: float = 1.5 if field.type == "float" else 7
    settings = _settings(f"--max-{field.name.replace('_', '-')}", str(value))
    changes: dict[str, Any] = {field.name: value}
    assert settings.limits == dataclasses.replace(Limits(), **changes)


def test_any_ports_by_default() -> None:
    """``labserver run`` takes free ports unless it is told otherwise."""
    assert set(_settings(any_ports=True).ports.values()) == {0}
    assert _settings("--ports", "default", any_ports=True).ports == _USUAL
    assert _settings("--imap-port", "9", any_ports=True).ports == dict.fromkeys(_USUAL, 0) | {"imap": 9}


_BAD = [
    (["--services", "imap,gopher"], "--services gopher"),
    (["--imap-port", "65536"], "--imap-port"),
    (["--imap-port", "-1"], "--imap-port"),
    (["--imap-port", "x"], "--imap-port"),
    (["--imap-port", "٣"], "--imap-port"),
    (["--port-offset", "65000"], "--port-offset 65000"),
    (["--port-offset", "-4000"], "--port-offset -4000"),
    (["--port-offset", "x"], "--port-offset"),
    (["--imap-port", "5000", "--smtp-port", "5000"], "5000"),
    (["--imap-port", "3025"], "3025"),
    (["--ports", "some"], "--ports"),
    (["--bind", "localhost"], "--bind localhost"),
    (["--bind", "192.0.2.1"], "--bind 192.0.2.1"),
    (["--bind", "fe80::1%nowhere0"], "--bind fe80::1%nowhere0"),
    (["--user", "alice"], "--user"),
    (["--user", ":x"], "--user"),
    (["--user", "a:x", "--user", "a:y"], "a"),
    (["--catch-all", ""], "--catch-all"),
    (["--catch-all", "a b"], "--catch-all: a user's name cannot have ' '"),
    (["--catch-all", "carol:x"], "--catch-all 'carol': an account without"),
    (["--services", ""], "--services"),
    (["--services", "imap,gopher"], "--services gopher"),
    (["--seed", ""], "--seed"),
    (["--mechanisms", "plain,ntlm"], "--mechanisms NTLM"),
    (["--imap-without", "gopher"], "--imap-without GOPHER"),
    (["--issuer", "verisign"], "--issuer"),
    (["--tls-engine", "nss"], "--tls-engine"),
    (["--key-log", "/nonexistent/keys"], "--key-log /nonexistent/keys"),
    (["--cert", "/nonexistent/cert"], "/nonexistent/cert"),
    (["--key", "/nonexistent/key"], "--key"),
    (["--permit", "//"], "--permit"),
    (["--state", "/dev/null"], "/dev/null"),
    (["--store", "/nonexistent/store"], "/nonexistent/store"),
    (["--store", "/etc/passwd"], "/etc/passwd"),
    (["--preload", "/nonexistent"], "/nonexistent"),
    (["--preload", "/usr", "--store", "/usr/in-the-way.sqlite"], "--store /usr/in-the-way.sqlite"),
    (["--max-connections", "0"], "--max-connections"),
    (["--max-connections", "1.5"], "--max-connections"),
    (["--max-connections", "-3"], "--max-connections"),
    (["--max-connections", "1K"], "--max-connections"),
    (["--max-message-size", "10X"], "--max-message-size: '10X' is not a size"),
    (["--max-message-size", "0M"], "--max-message-size"),
    (["--max-message-size", "M"], "--max-message-size"),
    (["--max-message-size", "1.5M"], "--max-message-size"),
    (["--max-message-size", "10B"], "--max-message-size"),
    (["--max-message-size", "٣M"], "--max-message-size"),
    (["--scenario", "nonesuch-*"], "--scenario nonesuch-*: unknown scenario"),
    (["--user", "al ice:x"], "--user: a user's name cannot have ' '; all characters are allowed but blanks"),
    (["--state", "/etc/passwd"], "--state /etc/passwd: it is a file, not a directory"),
    (["--port-offset", "x"], "--port-offset: not an integer: 'x'"),
    (["--max-idle-time", "0"], "--max-idle-time"),
    (["--max-idle-time", "nan"], "--max-idle-time"),
    (["--max-idle-time", "inf"], "--max-idle-time"),
    (["--ready-fd", "-1"], "--ready-fd"),
    (["--ready-fd", "99"], "--ready-fd"),
    (["--ready-fd", "x"], "--ready-fd"),
    (["--max-idle-tim", "3"], "--max-idle-tim"),
    (["--no-such-option"], "--no-such-option"),
    (["stray"], "stray"),
]


@pytest.mark.parametrize(("arguments", "named"), _BAD)
def test_bad_values(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], named: str
) -> None:
    """What cannot be is refused with one line that names it, and exit code 2, before anything listens."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("labserver.servers.loop.run", None)  # who gets there would have listened
    free = [] if "port" in arguments[0] else ["--ports", "any"]
    assert _code(["up", *free, *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("labserver")
    assert named in err
    assert "Unknown error" not in err
    assert list((tmp_path / "labserver").glob("*")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["certs"],
        ["certs", "dance"],
        ["env", "--format", "xml"],
        ["up", "--issuer", "x"],
        ["transcript", "--session", "x"],
    ],
)
def test_bad_commands(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """A command that does not exist is one line, too."""
    assert _code(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "<" not in err, "choices are told as they are typed"


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["run", "--help"], ["certs", "export", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Help is help: every option has a word."""
    assert _code(arguments) == 0
    assert "usage: labserver" in capsys.readouterr().out


def test_a_damaged_store(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is told before anything listens: one line with the file and what to do, exit code 2."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("labserver.servers.loop.run", None)
    path = tmp_path / "mail.db"
    MailStore(storage=SqliteStorage(path)).close()
    db = sqlite3.connect(path)
    db.execute("DROP TABLE message")
    db.close()
    assert _code(["up", "--ports", "any", "--store", str(path)]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err == (
        f"labserver: {path}: it is damaged (there is no table message);"
        " restore it from a copy, or move it away to begin with an empty store\n"
    )


@pytest.mark.parametrize("command", ["up", "run", "check"])
def test_help_begins_with_examples(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The help of the long commands begins with examples, which work, and ends with the limits."""
    assert _code([command, "--help"]) == 0
    usage, examples, *rest = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: labserver {command} ")
    assert examples.startswith("examples:\n")
    commands = [line.strip() for line in examples.splitlines() if line.startswith(f"  labserver {command}")]
    assert len(commands) >= 3
    for words in (shlex.split(line)[1:] for line in commands):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"labserver.cli.{command}.run", lambda _: 0)
            assert _code(words) == 0, words
    (limits,) = (place for place, part in enumerate(rest) if part.startswith("limits "))
    assert not [part for part in rest[limits + 1 :] if re.search("^ +--", part, re.MULTILINE)]


def _code(arguments: list[str]) -> int | str | None:
    try:
        return run(arguments)
    except SystemExit as stopped:
        return stopped.code
