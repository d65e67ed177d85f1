"""A service, a limit and a rule are one row each: a process that has one more of each is asked for everything."""

from __future__ import annotations

import json
import os
import poplib
import smtplib
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labserver.pki.environment import lab_variables
from labserver.services import SERVICES
from tests.integration.labs import LabProcess, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MORE = """
import dataclasses, sys
from labserver import limits, services
from labserver.services import ProtocolName, Service

for one in (
    Service(name="lmtp-tls", protocol=ProtocolName.LMTP, implicit_tls=True, port=3026, default=False),
    Service(name="pop3-second", protocol=ProtocolName.POP3, implicit_tls=False, port=3111),
):
    services.SERVICES[one.name] = one
limits.Limits = dataclasses.make_dataclass(
    "Limits",
    [
        ("greeting_size", int, limits._limit(1 << 10, "octets of a greeting")),
        ("patience", float, limits._limit(2.5, "seconds of patience", shown="not long")),
        ("greetings", int, limits._limit(7, "greetings of one session")),
    ],
    bases=(limits.Limits,), frozen=True, kw_only=True,
)
from labserver.verdicts import rules
from labserver.verdicts.finding import Breach

rude = Breach(what="it says no thanks", evidence=None)
known = rules.RULES["gets-through"]
rule = dataclasses.replace(known, id="is-polite", always=True, breaches=lambda inquiry: iter([rude]))
rules.RULES[rule.id] = rule
from labserver.cli.parser import run

sys.exit(run(sys.argv[sys.argv.index("labserver") + 1:]))
"""
"""The command line with two services, three limits and a rule that nothing else has heard of."""

_WITH_MORE = (sys.executable, "-c", _MORE)
_POLITE = """
[polite]
title = "A polite client"
does = "It greets."
services = ["pop3-second"]
rules = ["is-polite"]
expects = "It is polite."
expectation = "accept"
severity = "low"

[[polite.misbehaviours]]
kind = "answer"
when = { command = "NOOP", service = "pop3-second" }
send = "+OK how do you do"
"""


_CLIENT = """
import poplib, ssl, sys

host, port, user, password = sys.argv[1:]
client = poplib.POP3(host, int(port))
client.stls(ssl.create_default_context())
client.user(user)
client.pass_(password)
client.quit()
"""


def _run(*words: str, folder: Path | None = None, code: int = 0) -> str:
    environment = os.environ | {"COLUMNS": "1000"} | ({"XDG_RUNTIME_DIR": str(folder)} if folder else {})
    done = subprocess.run(
        [*_WITH_MORE, "labserver", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab of the longer tables."""
    folder = tmp_path_factory.mktemp("lab")
    options = ("--lmtp-tls-port", "0", "--max-greeting-size", "2K", "--scenario", "expired")
    with running(folder, *options, "--env-file", str(folder / "env"), wrapper=_WITH_MORE) as one:
        yield one


@pytest.mark.parametrize("command", ["up", "run", "check"])
def test_help(command: str) -> None:
    """Each limit has its option, with its unit and default, wherever a lab is shaped."""
    text = " ".join(_run(command, "--help").split())
    assert "--max-greeting-size SIZE octets of a greeting (default 1024)" in text
    assert "--max-patience S seconds of patience (default not long)" in text
    assert "--max-greetings N greetings of one session (default 7)" in text
    assert "pop3-second" in text
    if command != "check":
        assert "(default: all but lmtp and lmtp-tls)" in text
        assert "--lmtp-tls-port PORT default 3026; 0 for any; opens the service" in text


def test_ready(lab: LabProcess) -> None:
    """The ready record, the lines for people and the variables name the services."""
    assert {"lmtp-tls", "pop3-second"} < lab.ports.keys()
    (scenario,) = lab.ready["scenarios"]
    assert "pop3-second" in scenario["ports"]
    log = lab.log.read_text()
    assert f"  lmtp-tls     {lab.ports['lmtp-tls']:>5}   TLS\n" in log
    assert f"  pop3-second  {lab.ports['pop3-second']:>5}   STARTTLS (STLS)\n" in log
    variables = (lab.ready_file.parent / "env").read_text().splitlines()
    assert f"LABSERVER_PORT_POP3_SECOND={lab.ports['pop3-second']}" in variables
    assert f"LABSERVER_PORT_LMTP_TLS={lab.ports['lmtp-tls']}" in variables


def test_clients(lab: LabProcess) -> None:
    """The services speak their protocols."""
    trust = ssl.create_default_context(cafile=str(lab.ca))
    with _Lmtp("localhost", lab.ports["lmtp-tls"], context=trust, timeout=PATIENCE) as client:
        client.sendmail("me@example.org", ["alice@lab.test"], "Subject: plugged\r\n\r\nin\r\n")
    pop = poplib.POP3("localhost", lab.ports["pop3-second"], timeout=PATIENCE)
    pop.stls(trust)
    pop.user("alice")
    pop.pass_("secret")
    assert b"Subject: plugged" in pop.retr(1)[1]
    pop.quit()


class _Lmtp(smtplib.SMTP_SSL):
    """LMTP inside TLS, which the standard library has no client for."""

    ehlo_msg = "lhlo"


def test_commands(lab: LabProcess) -> None:
    """``env``, ``explain`` and ``scenarios`` know the services; what they tell to type can be typed."""
    ready = ("--ready-file", str(lab.ready_file))
    assert f"LABSERVER_PORT_POP3_SECOND={lab.ports['pop3-second']}" in _run("env", *ready)
    explained = _run("explain", "expired@pop3-second")
    assert "openssl s_client -crlf -starttls pop3 -connect localhost:$LABSERVER_PORT_POP3_SECOND " in explained
    assert "expired" in _run("scenarios", "--service", "pop3-second")
    assert "unknown; did you mean pop3-second?" in _run("up", "--services", "pop4-second", code=2)


def test_rule_and_check(tmp_path: Path) -> None:
    """A scenario names the rule; ``check`` opens the service, and the rule is judged by."""
    file, report = tmp_path / "polite.toml", tmp_path / "report.json"
    file.write_text(_POLITE)
    options = ("--scenario-file", str(file), "--service", "pop3-second", "--fail-on", "low", "--json", str(report))
    words = (sys.executable, "-c", _CLIENT, "{host}", "{port}", "{user}", "{password}")
    _run("check", *options, "--", *words, folder=tmp_path, code=1)
    case = json.loads(report.read_text())["cases"][-1]
    assert (case["case"], case["verdict"]) == ("polite@pop3-second", "FAIL")
    assert [(one["rule"], one["what"]) for one in case["findings"]] == [("is-polite", "it says no thanks")]


def test_variables() -> None:
    """A service knows its variable as ``env`` spells it."""
    ports = {name: place for place, name in enumerate(SERVICES)}
    variables = lab_variables({"ports": ports})
    assert {service.variable: str(ports[service.name]) for service in SERVICES.values()} == variables
