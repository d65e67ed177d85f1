"""Claims about the variables: which are set, and that every format's reader reads back exactly what was written."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from labserver.pki.environment import TRUST_VARIABLES, Format, lab_variables, render, trust_variables

READY = {
    "schema": 1,
    "pid": 4711,
    "host": "127.0.0.1",
    "server_name": "lab.test",
    "ca": {"pem": "/run/ca.pem", "sha256": "AA:BB"},
    "ports": {"imaps": 3993, "pop3s": 3995},
    "urls": {"api": "http://127.0.0.1:8025/"},
    "accounts": [{"user": "alice", "password": "a'b"}, {"user": "bob", "password": "$b"}],
    "scenarios": ["expired"],
    "note": None,
}

AWKWARD = {
    "PLAIN": "/run/ca.pem",
    "EMPTY": "",
    "BLANKS": " two  words ",
    "QUOTES": """it's "quoted" `so`""",
    "TYPOGRAPHIC": "\u2018\u2019\u201a\u201b",
    "SHELL": "$HOME ${HOME} $(id) %PATH% !! \\ \\\\ \\' #",
    "LINES": "one\ntwo's\nLABSERVER_END\n\nlast",
    "UNICODE": "Zoë ✉",
}
"""What passwords and paths can hold."""


def test_a_ready_record_becomes_flat_variables() -> None:
    """Ports and files have names to be guessed, the first account needs no number, lists without names are left out."""
    assert lab_variables(READY) == {
        "LABSERVER_SCHEMA": "1",
        "LABSERVER_PID": "4711",
        "LABSERVER_HOST": "127.0.0.1",
        "LABSERVER_SERVER_NAME": "lab.test",
        "LABSERVER_CA_PEM": "/run/ca.pem",
        "LABSERVER_CA_SHA256": "AA:BB",
        "LABSERVER_PORT_IMAPS": "3993",
        "LABSERVER_PORT_POP3S": "3995",
        "LABSERVER_URL_API": "http://127.0.0.1:8025/",
        "LABSERVER_USER": "alice",
        "LABSERVER_PASSWORD": "a'b",
        "LABSERVER_USER_1": "alice",
        "LABSERVER_PASSWORD_1": "a'b",
        "LABSERVER_USER_2": "bob",
        "LABSERVER_PASSWORD_2": "$b",
    }


def test_a_record_without_accounts_is_fine() -> None:
    """Nothing is required of the record."""
    assert lab_variables({}) == {}


def test_clients_are_told_of_the_ca() -> None:
    """Every variable of the table holds the PEM file's path; Java's holds the trust store, its type and password."""
    variables = trust_variables(Path("/run/ca.pem"), Path("/run/ca.p12"), java_options="-Xmx64m")
    java = variables.pop("JAVA_TOOL_OPTIONS")
    assert variables == {variable.name: "/run/ca.pem" for variable in TRUST_VARIABLES}
    assert java == (
        "-Xmx64m -Djavax.net.ssl.trustStore=/run/ca.p12 -Djavax.net.ssl.trustStoreType=PKCS12"
        " -Djavax.net.ssl.trustStorePassword=changeit"
    )
    assert "JAVA_TOOL_OPTIONS" not in trust_variables(Path("/run/ca.pem"))


_STORE = (
    "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=changeit"
)


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("", ""),
        ("-Xmx64m", "-Xmx64m "),
        ('-Da="b c" -Xmx64m', '-Da="b c" -Xmx64m '),
        (_STORE.format("/run/other.p12"), ""),
        (f"-Xmx64m {_STORE.format('/run/other.p12')} -Da=b", "-Xmx64m -Da=b "),
        ("-Djavax.net.ssl.trustStore=/my/own", "-Djavax.net.ssl.trustStore=/my/own "),
    ],
)
@pytest.mark.parametrize("store", ["/run/ca.p12", "/a b/ca.p12", "/a'b \"c/ca.p12"])
def test_java_is_told_once(before: str, kept: str, store: str) -> None:
    """However often it is told, Java has one trust store of a lab in its options, and what it had of its own."""
    told = trust_variables(Path("/run/ca.pem"), Path(store), java_options=before)["JAVA_TOOL_OPTIONS"]
    assert told.startswith(kept)
    assert told.count("trustStorePassword") == 1
    assert trust_variables(Path("/run/ca.pem"), Path(store), java_options=told)["JAVA_TOOL_OPTIONS"] == told
    odd = trust_variables(Path("/run/ca.pem"), Path("/run/ca.p12"), java_options="-Da='odd")["JAVA_TOOL_OPTIONS"]
    assert trust_variables(Path("/run/ca.pem"), Path("/run/ca.p12"), java_options=odd)["JAVA_TOOL_OPTIONS"] == odd
    other = trust_variables(Path("/run/ca.pem"), Path("/run/new.p12"), java_options=told)["JAVA_TOOL_OPTIONS"]
    assert other == kept + _STORE.format("/run/new.p12")


def test_scenarios_on_ports_of_their_own() -> None:
    """What --scenario opened has variables with its name: ports, what to trust, CRLs."""
    opened = {"id": "wrong-host", "ports": {"imaps": 4711}, "ca": {"pem": "/a.pem"}, "crl": {"pem": "/crl.pem"}}
    assert lab_variables({"scenarios": [opened, {"id": "x", "ports": {}}]}) == {
        "LABSERVER_SCENARIO_WRONG_HOST_ID": "wrong-host",
        "LABSERVER_SCENARIO_WRONG_HOST_PORT_IMAPS": "4711",
        "LABSERVER_SCENARIO_WRONG_HOST_CA_PEM": "/a.pem",
        "LABSERVER_SCENARIO_WRONG_HOST_CRL_PEM": "/crl.pem",
        "LABSERVER_SCENARIO_X_ID": "x",
    }


@pytest.mark.parametrize("name", ["GIT_SSL_CAINFO", "PIP_CERT", "AWS_CA_BUNDLE", "UV_NATIVE_TLS"])
def test_downloaders_are_left_alone(name: str) -> None:
    """A shell with the lab's variables still clones and installs from the Internet as far as its variables go."""
    assert name not in trust_variables(Path("/run/ca.pem"), Path("/run/ca.p12"))


def test_sh_reads_back_what_was_written() -> None:
    """A POSIX shell that evaluates the text has exactly the values, and nothing in them is executed."""
    script = render(AWKWARD, Format.SH) + "".join(f'printf "%s\\0" "${name}"; ' for name in AWKWARD)
    result = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, check=True)
    assert result.stdout.decode().split("\0")[:-1] == list(AWKWARD.values())
    exported = subprocess.run(["sh", "-eu", "-c", f"{render(AWKWARD, Format.SH)} env"], capture_output=True, check=True)
    assert "UNICODE=Zoë ✉\n" in exported.stdout.decode()


def test_json_is_one_object() -> None:
    """The names and values, nothing else."""
    assert json.loads(render(AWKWARD, Format.JSON)) == AWKWARD


FISH_ESCAPE = re.compile(r"\\([\\'])")


def test_fish_quotes() -> None:
    """Read back by fish's rule: in single quotes only backslash and quote are escapes; a quote ends them."""
    text = render(AWKWARD, Format.FISH)
    values = re.findall(r"^set -gx (\w+) '((?:[^'\\]|\\.)*)'$", text, re.MULTILINE | re.DOTALL)
    assert {name: FISH_ESCAPE.sub(r"\1", value) for name, value in values} == AWKWARD


def test_powershell_quotes() -> None:
    """Read back by PowerShell's rule: in single quotes any single quote is doubled, nothing else is special."""
    text = render(AWKWARD, Format.PWSH)
    values = re.findall(r"^\$env:(\w+) = '((?:[^'\u2018-\u201b]|(['\u2018-\u201b])\3)*)'$", text, re.MULTILINE)
    assert {name: re.sub("(['\u2018-\u201b])\\1", r"\1", value) for name, value, _ in values} == AWKWARD


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/run/ca.pem", "X=/run/ca.pem"),
        ("http://127.0.0.1:8025/", "X=http://127.0.0.1:8025/"),
        ("", "X="),
        ("two words", "X='two words'"),
        ('say "$HOME" #1', "X='say \"$HOME\" #1'"),
        ("it's", 'X="it\'s"'),
        ('it\'s $5 \\ "x"', 'X="it\'s \\$5 \\\\ \\"x\\""'),
        ("a\nb", 'X="a\\nb"'),
        ("Zoë", "X='Zoë'"),
    ],
)
def test_dotenv(value: str, written: str) -> None:
    """Bare where docker's reader agrees, literal in single quotes where others do, else with escapes."""
    assert render({"X": value}, Format.DOTENV) == f"{written}\n"


def github_read(text: str) -> dict[str, str]:
    """Read $GITHUB_ENV as the runner does."""
    lines = iter(text.split("\n")[:-1])
    values = {}
    for line in lines:
        if match := re.fullmatch(r"(\w+)<<(.+)", line):
            values[match[1]] = "\n".join(iter(lines.__next__, match[2]))
        else:
            name, _, value = line.partition("=")
            values[name] = value
    return values


def test_github_reads_back_what_was_written() -> None:
    """Values of several lines survive even when they contain the delimiter's beginning, and set no other variable."""
    assert github_read(render(AWKWARD, Format.GITHUB)) == AWKWARD


@pytest.mark.parametrize("style", Format)
def test_every_format_renders_nothing(style: Format) -> None:
    """No variables, no lines; every format is in the table."""
    assert render({}, style) == ("{}\n" if style is Format.JSON else "")
