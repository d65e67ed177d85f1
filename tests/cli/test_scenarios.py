"""``labserver scenarios``, ``explain`` and ``hosts``: what is told of the catalogue, and that it is true."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labserver.pki.recipe_files import all_recipes
from tests.clients.sandbox import missing
from tests.integration.labs import COMMAND
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

ROOT = Path(__file__).parents[2]
CASES = [(scenario.id, service) for scenario in CATALOGUE.default.values() for service in scenario.services]
CASES += [("not-yet-valid", "imaps"), ("expired-intermediate", "submission"), ("utctime-feb-30", "pop3s")]


def _run(*words: str, code: int = 0) -> tuple[str, str]:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def _listed(*words: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(_run("scenarios", "--json", *words)[0])["scenarios"]
    return listed


def test_json() -> None:
    """Every scenario is listed in the catalogue's order, with all that programs want to know."""
    listed = _listed()
    assert [one["id"] for one in listed] == list(CATALOGUE)
    for one in listed:
        scenario = CATALOGUE[one["id"]]
        assert one["services"] == list(scenario.services)
        assert one["expectation"] == scenario.expectation
        assert one["severity"] == scenario.severity
        assert one["references"] == list(scenario.references)
        assert one["address"] == CATALOGUE.address(scenario.id)
        assert (one["anchor"] == "own") is scenario.own_anchor
        assert one["default"] is scenario.default
        assert one["host_names"] == list(scenario.host_names)
        assert (one["available"], one["unavailable"]) == (True, None)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--group", "tls"], {one.id for one in CATALOGUE.values() if one.group == "tls"}),
        (["--service", "imaps", "--group", "starttls"], None),
        (["good*"], {name for name in CATALOGUE if name.startswith("good")}),
        (["self-sign?d", "expired"], {"self-signed", "expired"}),
        (["nonesuch"], None),
        (["expird"], None),
    ],
)
def test_choice(words: list[str], wanted: set[str] | None) -> None:
    """Group, service and glob narrow the list down; a list of nothing is an error that names the groups."""
    if wanted is None:
        assert "the groups are good, tls," in _run("scenarios", *words, code=2)[1]
    else:
        assert {one["id"] for one in _listed(*words)} == wanted


def test_table() -> None:
    """The table has a line for each scenario; its id never runs into its title, however long it is."""
    lines = _run("scenarios")[0].splitlines()
    told = [line for line in lines if line.startswith("  ")]
    assert [line.split()[0] for line in told] == list(CATALOGUE)
    titles = {line.index(f"  {CATALOGUE[line.split()[0]].title}  [") for line in told}
    assert len(titles) == 1
    assert {line.rstrip(":") for line in lines[:-1] if line.endswith(":")} == {one.group for one in CATALOGUE.values()}
    assert lines[-1] == "labserver explain ID tells more of one"
    own = {line.split()[0] for line in told if line.endswith("  (own CA)")}
    assert own == {name for name, one in CATALOGUE.items() if one.own_anchor}
    assert not [line for line in lines if "NOT AVAILABLE" in line]


def test_table_of_one() -> None:
    """Where another name leads to a scenario, its line tells it."""
    assert _run("scenarios", "localhost")[0] == (
        "identity:\n  localhost  {0.title}  [{0.severity}]  as localhost\n\n"
        "labserver explain ID tells more of one\n".format(CATALOGUE["localhost"])
    )


def test_unavailable() -> None:
    """What another issuer cannot make is listed all the same, as not available and with the reason."""
    listed = {one["id"]: one for one in _listed("--issuer", "trustme")}
    assert list(listed) == list(CATALOGUE)
    refused = {name for name, one in listed.items() if not one["available"]}
    needing = {spec.id for spec in all_recipes().values() if spec.needs_lab}
    ours = {name for name, scenario in CATALOGUE.items() if scenario.certificate in needing}
    assert {"expired", "wrong-host"} <= refused == ours
    assert all("--issuer" in listed[name]["unavailable"] for name in refused)
    assert "NOT AVAILABLE: Only the lab's own CA" in _run("scenarios", "expired", "--issuer", "trustme")[0]


def test_version_by_another_library() -> None:
    """Where a host's OpenSSL does not serve TLS 1.0, another TLS library does."""
    code = (
        "import sys; import labserver.tls.engine as engine; engine.LEGACY_CIPHERS = 'DEFAULT:@SECLEVEL=2';"
        "from labserver.__main__ import main; main()"
    )
    words = [sys.executable, "-c", code, "scenarios", "tls-v1-0", "--json", "--tls-engine", "stdlib"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    (one,) = json.loads(done.stdout)["scenarios"]
    assert (one["available"], one["unavailable"]) == (True, None)


@pytest.mark.parametrize(
    ("scenario", "without", "said"),
    [
        (
            "rsa1024",
            "import labserver.tls.engine as engine; engine.LEGACY_CIPHERS = 'DEFAULT:@SECLEVEL=2'",
            "This host cannot present such a certificate with the stdlib engine: ",
        ),
        (
            "dsa-leaf",
            "import labserver.tls.engine as engine; engine.LEGACY_CIPHERS = 'DEFAULT:@SECLEVEL=0'",
            "This host cannot present such a certificate with the stdlib engine: no shared cipher.",
        ),
        (
            "mldsa65",
            (
                "import cryptography.x509, cryptography.hazmat.primitives.asymmetric as keys;"
                "del keys.mldsa; sys.modules[f'{keys.__name__}.mldsa'] = None"
            ),
            "the installed cryptography cannot make it: ",
        ),
    ],
    ids=["rsa1024", "dsa-leaf", "mldsa65"],
)
def test_unavailable_certificate(scenario: str, without: str, said: str) -> None:
    """Where the host lacks what a certificate needs, that is its reason; others are there."""
    code = f"import sys; {without}; from labserver.__main__ import main; main()"
    words = [sys.executable, "-c", code, "scenarios", scenario, "rsa2048", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    listed = {one["id"]: one for one in json.loads(done.stdout)["scenarios"]}
    assert listed["rsa2048"]["available"]
    assert listed[scenario]["unavailable"].startswith(said)


def test_unavailable_lease() -> None:
    """Asking for what cannot be served is one line and an exit code."""
    _, err = _run("up", "--ports", "any", "--issuer", "trustme", "--scenario", "expired", code=1)
    assert err.startswith("labserver: expired cannot be served here: Only the lab's own CA")
    assert err.count("\n") == 1


def test_lease_on_no_service() -> None:
    """Asking for a scenario that none of the lab's services can play is an error, not an empty line."""
    words = ("up", "--ports", "any", "--services", "smtp", "--scenario", "imap-greeting-preauth")
    _, err = _run(*words, code=2)
    assert err == "labserver: imap-greeting-preauth is not available on smtp, only on imap\n"


def test_document() -> None:
    """docs/SCENARIOS.md is up to date; ``labserver scenarios --markdown > docs/SCENARIOS.md`` makes it so."""
    assert (ROOT / "docs" / "SCENARIOS.md").read_text(encoding="utf-8") == _run("scenarios", "--markdown")[0]


@pytest.mark.parametrize(("scenario", "service"), CASES, ids=[f"{one}@{service}" for one, service in CASES])
def test_explain(scenario: str, service: str) -> None:
    """Every case is explained: sentences, references, the lie itself, and how to meet it."""
    out, err = _run("explain", f"{scenario}@{service}")
    entry = CATALOGUE[scenario]
    told = " ".join(out.split())
    assert err == ""
    assert told.startswith(f"{scenario}@{service}: {entry.title} ")
    assert entry.does in told
    assert entry.expects in told
    assert all(reference in told for reference in entry.references)
    assert f"labserver up --scenario {scenario}\n" in out
    assert ("MISBEHAVED" in out.partition("MISBEHAVED is the lie")[2]) is not (entry.by_name or entry.honest)
    assert ("It presents:" in out) is not entry.usual_certificate
    assert "\n  -- THE LAB FAILED" not in out


def test_explain_to_the_octet() -> None:
    """What the server says is shown as it is: a challenge with the nonce that it repeats."""
    out, _ = _run("explain", "scram-bad-server-signature@imap")
    challenges = [base64.b64decode(line.split("+")[1]) for line in out.splitlines() if line.startswith("   S: + ")]
    assert challenges[0].startswith(b"r=rOprNGfwEbeRWgbNEkqO")
    assert "C: ****" in out


@pytest.mark.parametrize("case", ["nonesuch", "starttls-stripped@imaps", "good@nntp"])
def test_explain_no_case(case: str) -> None:
    """What is no case is one line."""
    assert _run("explain", case, code=2)[1].count("\n") == 1


BY_HAND = {
    "expired@imaps": "certificate has expired",
    "expired@smtp": "certificate has expired",
    "self-signed@pop3": "self-signed certificate",
    "tls-v1-0@submissions": "TLSv1.0",
    "wildcard-two-levels@imaps": "ostname mismatch",
    "idn-alabel@smtp": "Verify return code: 0 (ok)",
    "localhost@imaps": "Verify return code: 0 (ok)",
    "good@imap": "Verify return code: 0 (ok)",
    "good-trustme@imaps": "Verify return code: 0 (ok)",
    "deep@smtp": "Verify return code: 0 (ok)",
    "auth-rejected@pop3s": "Verify return code: 0 (ok)",
    "response-injection@pop3": "Verify return code: 0 (ok)",
}


@pytest.mark.client
@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(lab: LabProcess, case: str) -> None:
    """The commands for s_client work as printed, in a shell, with the lab that runs."""
    lines = _run("explain", case)[0].partition("By hand")[2].splitlines()
    (words,) = (line for line in lines if line.strip().startswith("eval"))
    options = words.partition("labserver env")[2].removesuffix(')"').split()
    commands = [line.strip() for line in lines if line.strip().startswith("openssl")]
    assert commands
    for command in commands:
        printed = _shell(lab, f"{command} </dev/null", *options)
        assert BY_HAND[case] in printed, printed


def test_env_for_a_scenario(lab: LabProcess) -> None:
    """What env tells of a scenario is where it is met, never the known-good server, and what to trust there."""
    told = {name: _environment(lab, "--scenario", name) for name in ("deep", "expired", "starttls-stripped")}
    for name, one in told.items():
        assert one["LABSERVER_SERVER_NAME"] in {*CATALOGUE[name].host_names, CATALOGUE.address(name)}
    assert told["deep"]["SSL_CERT_FILE"] == told["deep"]["LABSERVER_CA_PEM"] != _environment(lab)["LABSERVER_CA_PEM"]
    assert Path(told["deep"]["LABSERVER_CA_P12"]).is_file()
    assert told["expired"]["LABSERVER_CA_PEM"] == _environment(lab)["LABSERVER_CA_PEM"]
    assert told["starttls-stripped"]["LABSERVER_HOST"] == CATALOGUE.address("starttls-stripped")
    _, err = _run("env", "--ready-file", str(lab.ready_file), "--scenario", "starttls-stripped")
    resolved = told["starttls-stripped"]["LABSERVER_SERVER_NAME"] in CATALOGUE["starttls-stripped"].host_names
    assert err.count("\n") == (0 if resolved else 1)
    assert {one["LABSERVER_SCENARIO"] for one in told.values()} == told.keys()
    _, err = _run("env", "--ready-file", str(lab.ready_file), "--scenario", "nonesuch", code=2)
    assert err == "labserver: the lab has no scenario nonesuch\n"


_SENDS = """
import os, smtplib, ssl
with smtplib.SMTP(os.environ["LABSERVER_SERVER_NAME"], int(os.environ["LABSERVER_PORT_SUBMISSION"])) as smtp:
    smtp.starttls(context=ssl.create_default_context())
    smtp.login(os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"])
"""


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (None, ""),
        ("good", ""),
        ("deep", ""),
        ("starttls-stripped", "SMTPNotSupportedError: STARTTLS extension not supported by server"),
        ("expired", "certificate has expired"),
        ("wrong-host", "certificate is not valid for"),
        ("auth-rejected", "SMTPAuthenticationError"),
    ],
)
def test_a_test_suite_meets_the_scenario(lab: LabProcess, scenario: str | None, said: str) -> None:
    """A program that goes where the variables say meets what was asked for: it does not pass against a bad server."""
    variables = _environment(lab, *(["--scenario", scenario] if scenario else []))
    done = subprocess.run(
        [sys.executable, "-c", _SENDS],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode != 0) is bool(said), done.stderr
    assert said in done.stderr


def _environment(lab: LabProcess, *options: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        _run("env", "--ready-file", str(lab.ready_file), "--format", "json", *options)[0]
    )
    return found


@pytest.mark.client
def test_by_hand_in_clear(lab: LabProcess) -> None:
    """The command for nc meets the lie, too."""
    lines = _run("explain", "starttls-keyword-rewritten@smtp")[0].splitlines()
    (command,) = (line.strip() for line in lines if line.strip().startswith("nc "))
    assert "250-XXXXXXXA" in _shell(lab, f"printf 'EHLO me\\nQUIT\\n' | {command}")


def _shell(lab: LabProcess, command: str, *options: str) -> str:
    """Type a command after ``eval "$(labserver env)"`` with options; return all that is printed."""
    for program in ("openssl", "nc"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True, check=False).returncode:
            missing(program)
    variables = _run("env", "--ready-file", str(lab.ready_file), *options)[0]
    done = subprocess.run(["sh", "-c", f"{variables}\n{command}"], capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize("one_address", [False, True])
def test_hosts(*, one_address: bool) -> None:
    """Every scenario has its names, at its own address or at the one that all systems have."""
    lines = _run("hosts", *(["--one-address"] if one_address else []))[0].splitlines()
    own = {line.split()[1] for line in lines if line.endswith("# own CA")}
    assert own == {one.hosts_entries[0] for name, one in CATALOGUE.items() if one.own_anchor and one.hosts_entries}
    lines = [line.partition("#")[0] for line in lines]
    assert lines[:2] == ["", ""]
    found = {tuple(names): address for address, *names in (line.split() for line in lines[2:])}
    assert found.pop(("lab.test", "lab.localhost")) == "127.0.0.1"
    wanted = {
        CATALOGUE[name].hosts_entries: "127.0.0.1" if one_address else place.address
        for name, place in CATALOGUE.places.items()
    }
    wanted.pop((), None)  # those met at an address or as localhost
    assert found == wanted
