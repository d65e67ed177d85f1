"""Real clients judged: every verdict was compared with its transcript by hand once, and is expected since.

A client that is told to require TLS and to verify passes whatever is not in its table; each row says why it does not.
A client's failure is kept only if it is public already, and the row says where. Any other is for its authors to hear of
first: such a client is judged by the scenarios that are named for it.
All campaigns run at the same time, because much of their time is waiting, each with few clients that are busy.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labserver.scenario import EXPLICIT_TLS
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from tests.check.judged_again import checked_again
from tests.clients.sandbox import missing
from tests.ours import CATALOGUE
from tests.patience import unhurried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.client

FAIL, WARN, INCONCLUSIVE = Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE
_ROOT = Path(__file__).parents[2]
_FOLDER = Path(__file__).parent
_DEADLINE = 9
_PATIENCE = 5
"""Seconds: longer than an oracle withholds its answer, shorter than the deadline."""
_TOLD = ("{host}", "{port}", "{ca}", "{user}", "{password}", "{security}", "{address}")
_CERTIFICATES = ("self-signed", "expired", "wrong-host", "untrusted-root")
_SMTP, _IMAP, _POP3 = ("smtp", "submission", "submissions"), ("imap", "imaps"), ("pop3", "pop3s")


@dataclass(frozen=True)
class Row:
    """What a client makes of a scenario, other than passing."""

    outcome: Outcome
    rule: str
    """The rule of the worst finding; empty where there is none."""
    why: str
    public: str = ""
    """Where a failure is public: a CVE, an advisory, an upstream issue or upstream's own documentation."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A client, and what is expected of it."""

    program: str
    words: tuple[str, ...]
    services: tuple[str, ...]
    scenarios: tuple[str, ...] = ()
    """Patterns; all if empty."""
    rows: dict[str, Row] = field(default_factory=dict)


def _curl(*options: str) -> tuple[str, ...]:
    return ("curl", "-sS", "--max-time", "PATIENCE", *options, "-u", "{user}:{password}", "{url}/")


def _configured(client: str) -> tuple[str, ...]:
    return (sys.executable, str(_FOLDER / "configured.py"), client, "{dir}", *_TOLD)


_SWAKS = (
    *("sh", "-c", 'tls=$1; shift; case $tls in tls) exec swaks "$@" -tlsc;; *) exec swaks "$@" -tls;; esac', "sh"),
    *("{security}", "--server", "{host}", "--port", "{port}", "--tls-verify", "--tls-ca-path", "{ca}"),
    *("-f", "{address}", "-t", "{address}", "-a", "PLAIN", "-au", "{user}", "-ap", "{password}"),
    *("--timeout", "PATIENCE"),
)
_NO_SCRAM = Row(
    INCONCLUSIVE, "", "it does not speak SCRAM, and tries what is not offered, so that its doings prove nothing"
)
_OTHER_MECHANISM = Row(
    Outcome.NOT_OFFERED, "", "it chooses another mechanism where SCRAM is offered, and ends where there is no other"
)
_DOWNGRADE = Row(WARN, "no-weaker-retry", "refused with a digest, it sends the password itself, inside verified TLS")
_CURL_INSECURE = Row(
    FAIL, "rejects-certificate", "it was told not to verify", public="https://curl.se/docs/manpage.html#-k"
)
_SMTPLIB_UNVERIFIED = Row(
    FAIL,
    "rejects-certificate",
    "it verifies nothing unless told to",
    public="https://docs.python.org/3/library/ssl.html#security-considerations",
)
_TAMPERED = ("starttls-stripped", "starttls-refused", "starttls-keyword-rewritten")
_REFUSING = ("auth-rejected", "scram-bad-server-signature")
_STARTTLS = (*_TAMPERED, "auth-advertised-before-tls")

CLIENTS = {
    "curl --ssl-reqd, sending": Judged(
        program="curl",
        words=_curl("--ssl-reqd", "--cacert", "{ca}"),
        services=_SMTP,
        rows={"scram-bad-server-signature": _OTHER_MECHANISM},
    ),
    "curl --ssl-reqd, reading": Judged(
        program="curl",
        words=_curl("--ssl-reqd", "--cacert", "{ca}"),
        services=(*_IMAP, *_POP3),
        rows={"scram-bad-server-signature": _OTHER_MECHANISM},
    ),
    "curl --ssl": Judged(
        program="curl",
        words=_curl("--ssl", "--cacert", "{ca}"),
        services=EXPLICIT_TLS,
        scenarios=("good*", *_TAMPERED),
        rows=dict.fromkeys(
            ("starttls-stripped", "starttls-refused", "starttls-keyword-rewritten"),
            Row(
                FAIL,
                "no-secret-in-clear",
                "it goes on without TLS, as --ssl allows, and so with the password",
                public="https://curl.se/docs/manpage.html#--ssl",
            ),
        ),
    ),
    "curl without --ssl": Judged(
        program="curl",
        words=_curl("--cacert", "{ca}"),
        services=("imap", "pop3"),
        scenarios=("good", "starttls-stripped"),
        rows={
            "good": Row(INCONCLUSIVE, "gets-through", "it begins no TLS, and without TLS the server takes no password"),
            "starttls-stripped": Row(
                FAIL,
                "no-secret-in-clear",
                "it begins no TLS unless told to, and its failed control hides nothing",
                public="https://curl.se/docs/manpage.html#--ssl",
            ),
        },
    ),
    "curl -k": Judged(
        program="curl",
        words=_curl("--ssl-reqd", "-k"),
        services=(*_SMTP, *_IMAP, *_POP3),
        scenarios=("good*", *_CERTIFICATES),
        rows=dict.fromkeys(_CERTIFICATES, _CURL_INSECURE),
    ),
    "smtplib": Judged(
        program="python3",
        words=(sys.executable, str(_FOLDER / "smtplib_client.py"), *_TOLD),
        services=_SMTP,
        rows={"scram-bad-server-signature": _OTHER_MECHANISM, "auth-rejected": _DOWNGRADE},
    ),
    "smtplib without a context": Judged(
        program="python3",
        words=(sys.executable, str(_FOLDER / "smtplib_client.py"), *_TOLD, "unverified"),
        services=_SMTP,
        scenarios=("good*", *_CERTIFICATES, *_TAMPERED),
        rows=dict.fromkeys(_CERTIFICATES, _SMTPLIB_UNVERIFIED),
    ),
    "msmtp": Judged(
        program="msmtp",
        words=_configured("msmtp"),
        services=_SMTP,
        scenarios=(
            "good*",
            *_CERTIFICATES,
            *_STARTTLS,
            "response-injection",
            "auth-rejected",
            "scram-bad-server-signature",
        ),
    ),
    "swaks": Judged(
        program="swaks",
        words=_SWAKS,
        services=_SMTP,
        scenarios=(
            "good*",
            "self-signed",
            "expired",
            "untrusted-root",
            *_STARTTLS,
            "tls-v1-0",
            "auth-rejected",
            "scram-bad-server-signature",
        ),
        rows={"scram-bad-server-signature": _OTHER_MECHANISM},
    ),
    "mbsync": Judged(
        program="mbsync",
        words=_configured("mbsync"),
        services=_IMAP,
        scenarios=("good*", *_CERTIFICATES, *_STARTTLS, "tls-v1-0", "handshake-stall", "imap-greeting-preauth"),
    ),
    "fetchmail, IMAP": Judged(
        program="fetchmail",
        words=_configured("fetchmail-imap"),
        services=_IMAP,
        rows={"scram-bad-server-signature": _OTHER_MECHANISM, "auth-rejected": _DOWNGRADE},
    ),
    "fetchmail, POP3": Judged(
        program="fetchmail",
        words=_configured("fetchmail-pop3"),
        services=_POP3,
        rows={"scram-bad-server-signature": _NO_SCRAM, "auth-rejected": _DOWNGRADE},
    ),
}


@dataclass(frozen=True)
class Ran:
    """A campaign that has been run."""

    code: int
    """The exit code."""
    cases: dict[str, dict[str, Any]]
    """By their names."""


def _campaign(judged: Judged, folder: Path) -> Ran:
    """Run one campaign."""
    report = folder / "report.json"
    choice = [f"--service={service}" for service in judged.services]
    choice += [f"--scenario={scenario}" for scenario in judged.scenarios]
    patience, deadline = (f"{unhurried(seconds):.0f}" for seconds in (_PATIENCE, _DEADLINE))
    values = {"PATIENCE": patience}
    words = [values.get(word, word) for word in judged.words]
    command = [
        sys.executable,
        "-m",
        "labserver",
        "check",
        *choice,
        "--jobs",
        "2",
        "--patience",
        deadline,
        "--json",
        str(report),
    ]
    environment = os.environ | {"PATIENCE": patience}
    done = subprocess.run(
        [*command, "--", *words], cwd=_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return Ran(done.returncode, {case["case"]: case for case in json.loads(checked_again(report))["cases"]})


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Ran]]]:
    """Start every campaign whose client is there."""
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        yield {
            name: pool.submit(_campaign, judged, tmp_path_factory.mktemp("client"))
            for name, judged in CLIENTS.items()
            if shutil.which(judged.program)
        }


@pytest.mark.parametrize("name", CLIENTS)
def test_client(name: str, campaigns: dict[str, Future[Ran]]) -> None:
    """The client passes every case but those of its table, and breaks the rule that the table says.

    So a client without a failure in its table gets exit code 0, or 3 if nothing can be told from what it does.
    """
    judged = CLIENTS[name]
    if name not in campaigns:
        missing(judged.program)
    ran = campaigns[name].result()
    cases = ran.cases
    found = {case: (told["verdict"], _rule(told)) for case, told in cases.items() if told["verdict"] != Outcome.PASS}
    expected = {
        case: (row.outcome.value, row.rule)
        for case, told in cases.items()
        if (row := judged.rows.get(told["scenario"])) is not None
    }
    assert found == expected, "\n".join(line for case in found for line in cases[case]["transcript"])
    outcomes = {row.outcome for row in judged.rows.values()}
    assert ran.code == (1 if FAIL in outcomes else 3 if INCONCLUSIVE in outcomes else 0)
    assert {told["scenario"] for told in cases.values()} >= judged.rows.keys()
    assert {told["service"] for told in cases.values()} == set(judged.services)
    if not judged.scenarios:
        everything = {
            f"{scenario.id}@{service}"
            for scenario in CATALOGUE.default.values()
            for service in judged.services
            if scenario.on(SERVICES[service])
        }
        assert cases.keys() == everything


@pytest.mark.parametrize("name", CLIENTS)
def test_failures_are_public(name: str) -> None:
    """A failure of a named client is kept only with the place where it can be read already."""
    private = {scenario for scenario, row in CLIENTS[name].rows.items() if row.outcome is FAIL and not _public(row)}
    assert private == set()


def _public(row: Row) -> bool:
    return re.match(r"CVE-\d{4}-\d+|https://\S+", row.public) is not None


def _rule(told: dict[str, Any]) -> str:
    return str(told["findings"][0]["rule"]) if told["findings"] else ""


def test_password_in_clear(campaigns: dict[str, Future[Ran]]) -> None:
    """What curl --ssl sends in clear is the password itself, on every service, and the proof is the command with it."""
    if "curl --ssl" not in campaigns:
        missing("curl")
    cases = campaigns["curl --ssl"].result().cases
    caught = [case for case in cases.values() if case["scenario"].startswith("starttls-")]
    assert len(caught) == 3 * len(EXPLICIT_TLS)
    for case in caught:
        worst = case["findings"][0]
        assert worst["severity"] == "critical"
        assert worst["what"].startswith("sent the password in clear")
        assert "!C: " in worst["evidence"]["line"]
        assert worst["evidence"]["line"] in case["transcript"]
