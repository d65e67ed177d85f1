"""``labserver check``: its exit codes, its files, and clients that misbehave themselves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.check.judged_again import checked_again
from tests.patience import PATIENCE, unhurried

_ROOT = Path(__file__).parents[2]
_CHECK = (sys.executable, "-m", "labserver", "check")
_WORDS = ("{host}", "{port}", "{ca}", "{user}", "{password}", "{address}")
_IMAPS = ("--service", "imaps")
_EXPIRED = (*_IMAPS, "--scenario", "expired")


def _reference(traits: str, service: str = "imaps") -> tuple[str, ...]:
    return ("--", sys.executable, "-m", "tests.reference", traits, *_WORDS, service)


def _check(*arguments: str, code: int | set[int]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*_CHECK, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in ({code} if isinstance(code, int) else code), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def _told(path: Path) -> dict[str, dict[str, Any]]:
    """Return the cases of a JSON report by their names; the lab did not fail in any of them."""
    document = json.loads(checked_again(path))
    assert not [line for case in document["cases"] for line in case["transcript"] if "THE LAB FAILED" in line]
    return {case["case"]: case for case in document["cases"]}


def test_all_passed() -> None:
    """A careful client passes: exit code 0, a line a case."""
    chosen = ("--scenario", "self-signed", "--scenario", "scram-bad-*", "--scenario", "good")
    done = _check(*_IMAPS, *chosen, *_reference("strict"), code=0)
    assert done.stdout.splitlines() == [
        "PASS           good@imaps",
        "PASS           scram-bad-server-signature@imaps",
        "PASS           self-signed@imaps",
        "",
        "3 cases: 3 PASS",
    ]


def test_other_hosts() -> None:
    """A client is told the host that the scenario is about, an address in brackets in its URL, and gets there."""
    hosts = ("idn-alabel", "ip-san", "ipv6-san", "localhost", "single-label-host", "wildcard-two-levels")
    chosen = (word for name in hosts for word in ("--scenario", name))
    url = 'case $0 in "imaps://[::1]:"*) ;; *:*:*:*) exit 9 ;; esac; exec "$@"'
    done = _check(*_IMAPS, *chosen, "--", "sh", "-c", url, "{url}", *_reference("strict")[1:], code=0)
    assert done.stdout.endswith(f"\n{len(hosts)} cases: {len(hosts)} PASS\n")


def test_findings(tmp_path: Path) -> None:
    """A careless one fails: exit code 1, the proof, both files."""
    files = ("--json", str(tmp_path / "report.json"), "--junit", str(tmp_path / "report.xml"))
    done = _check(*_EXPIRED, *files, "--repeat", "2", *_reference("gullible"), code=1)
    first, rule, proof, *_ = done.stdout.splitlines()
    assert first == "FAIL           expired@imaps  (2 of 2 runs)"
    assert rule == (
        "    critical rejects-certificate: it accepted the certificate and sent the password"
        "  (RFC 8314 3.2 and 5.3, RFC 7817 3, RFC 5280 6)"
    )
    assert re.search(r" C: a2 LOGIN \S+ \*\*\*\*$", proof), "the line of the deed, masked"
    case = _told(tmp_path / "report.json")["expired@imaps"]
    assert case["verdict"] == "FAIL"
    assert case["runs"] == {"times": 2, "of": 2, "planned": 2}
    assert case["ended"] == "exit code 0"
    assert not [line for line in case["transcript"] if "Sing" in line], "the password is masked"
    suite = ET.parse(tmp_path / "report.xml").getroot()[0]  # noqa: S314 -- our own
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no command given: labserver check"),
        (("--",), "no command given: labserver check"),
        (
            ("--", "curl {url}"),
            "'curl {url}' is one word, and no program is called that; without the quotes:",
        ),
        (("--", "curl", "{hots}"), "did you mean host?"),
        (("--scenario", "expird", "--", "true"), "unknown scenario expird; did you mean expired?"),
        (("--", "curl", "{hots}"), "{hots} in '{hots}' is no placeholder"),
        (
            ("--scenario", "no-such-*", "--", "true"),
            "--scenario no-such-*: unknown scenario no-such-*",
        ),
        (
            (*_IMAPS, "--scenario", "starttls-stripped", "--", "true"),
            "none of these scenarios is available on these services",
        ),
        (("--service", "telnet", "--", "true"), "invalid choice: 'telnet'"),
        (("--policy", "whatever", "--", "true"), "unknown policy 'whatever'; choose from tls-required-starttls, "),
        (("--policy", "imop=plaintext", "--", "true"), "unknown service 'imop'; did you mean imap or imaps?"),
        (
            ("--policy", "imap=plaintext", "--policy", "imap=opportunistic", "--", "true"),
            "--policy imap=opportunistic: there are two policies for imap, plaintext and opportunistic; give one",
        ),
        (
            ("--policy", "plaintext", "--policy", "plaintext", "--", "true"),
            "--policy plaintext: there are two policies for all services, plaintext and plaintext; give one",
        ),
        ((*_IMAPS, "--policy", "imap=plaintext", "--", "true"), "imap is not tried; add --service imap"),
        (("--policy", "imaps=plaintext", "--", "true"), "imaps cannot be used under the policy plaintext"),
        (("--repeat", "0", "--", "true"), "--repeat"),
        (("--file", "nothing", "--", "true"), "--file nothing: write NAME=PATH"),
        (("--file", "a/b=/dev/null", "--", "true"), "--file a/b=/dev/null: write NAME=PATH"),
        (("--file", "rc=/no/such", "--", "true"), "--file rc=/no/such: No such file or directory"),
        (("--file", "rc=/dev/zero", "--", "true"), "has more than 1048576 octets"),
        (("--file", "a=/dev/null", "--file", "x:a=/dev/null", "--", "true"), "two files have the same name"),
        (("--", "cat", "{file:rc}"), "there is no such file; add --file rc=PATH"),
        (("--resume", "/no/such/file", "--", "true"), "cannot read /no/such/file: No such file or directory"),
        (("--resume", "/dev/null", "--", "true"), "/dev/null is not JSON"),
        (("--jobs", "0", "--", "true"), "--jobs"),
        (("--patience", "-1", "--", "true"), "--patience"),
        (("--fail-on", "bad", "--", "true"), "--fail-on"),
        (("--exclude", "expird", "--", "true"), "--exclude expird: unknown scenario expird; did you mean expired?"),
        (("--exclude", "expired@imapz", "--", "true"), "--exclude expired@imapz: unknown service imapz; did you mean"),
        ((*_EXPIRED, "--exclude", "exp*", "--", "true"), "--exclude leaves out every case"),
        (("--expect", "/no/such/file", "--", "true"), "--expect /no/such/file: No such file or directory"),
        (("--write-expect", "/no/such/folder/x", "--", "true"), "there is no folder /no/such/folder"),
        (("--timeout", "no", "--", "true"), "--timeout"),
        (("--json", "/no/such/folder/x", "--", "true"), "there is no folder /no/such/folder"),
        (("--junit", "/", "--", "true"), "cannot write /: it is a folder"),
        ((*_EXPIRED, "--policy", "opportunistic", "--", "true"), "imaps cannot be used under the policy opportunistic"),
        ((*_EXPIRED, "--", "no-such-program"), "cannot run no-such-program: there is no such program"),
    ],
)
def test_usage(arguments: tuple[str, ...], says: str) -> None:
    """What cannot be is refused with one line: exit code 2."""
    done = _check(*arguments, code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_expected(tmp_path: Path) -> None:
    """What diverges is written down, refused without a reason, then declared: exit code 0; what no longer does is 1."""
    path, report = tmp_path / "expect.toml", tmp_path / "report.xml"
    careless = (*_EXPIRED, *_reference("gullible"))
    _check("--write-expect", str(path), *careless, code=1)
    assert path.read_text().splitlines()[3:] == [
        '["expired@imaps"]',
        'verdict = "FAIL"',
        'rules = ["rejects-certificate"]',
        'reason = ""',
    ]
    done = _check("--expect", str(path), *careless, code=2)
    assert 'line 7: ["expired@imaps"] reason: it is empty' in done.stderr.replace(
        "[expired@imaps]", '["expired@imaps"]'
    )
    path.write_text(path.read_text().replace('""', '"known"'))
    assert f"add --expect {path} to keep its reasons" in _check("--write-expect", str(path), *careless, code=2).stderr
    done = _check("--expect", str(path), "--junit", str(report), *careless, code=0)
    assert done.stdout.startswith("FAIL           expired@imaps  (as expected: known)\n")
    assert done.stdout.endswith("\n1 case: 1 FAIL\n1 case as expected\n")
    assert ET.parse(report).getroot()[0].attrib["skipped"] == "1"  # noqa: S314 -- our own
    done = _check("--expect", str(path), *_EXPIRED, *_reference("strict"), code=1)
    assert done.stdout.startswith("PASS           expired@imaps  (expected FAIL rejects-certificate: known)\n")
    _check("--fail-on", "critical", "--exclude", "expired@pop3*", *careless, code=1)


def test_inconclusive() -> None:
    """A client that never connects proves nothing: exit code 3."""
    done = _check(*_EXPIRED, "--", "echo", "{host} {security} {url} {{}}", code=3)
    lines = done.stdout.splitlines()
    assert lines[0] == "INCONCLUSIVE   good@imaps  the client never connected"
    assert "    client: exit code 0" in lines
    printed, again = [line for line in lines if line.startswith("    | ")]
    assert "expired.lab.test" in again or "localhost" in again
    host, security, url, braces = printed.removeprefix("    | ").split()
    assert host in ("good.lab.test", "localhost")
    assert security == "tls"
    assert url.startswith(f"imaps://{host}:")
    assert braces == "{}"
    assert lines[-1] == "2 cases: 2 INCONCLUSIVE"


def test_policy() -> None:
    """What a policy allows is told and is no failure; what a service cannot have is not applicable."""
    arguments = ("--scenario", "starttls-stripped", "--policy", "opportunistic")
    done = _check("--service", "imap", *arguments, *_reference("gullible", "imap"), code=0)
    assert done.stdout.startswith("INFO           starttls-stripped@imap\n    critical no-secret-in-clear:")
    control = ("--scenario", "good", "--policy", "opportunistic", "--service", "imap")
    done = _check(*_IMAPS, *control, *_reference("strict", "imap"), code=0)
    assert "NOT-APPLICABLE good@imaps  imaps cannot be used under the policy opportunistic\n" in done.stdout
    assert done.stdout.endswith("\n2 cases: 1 PASS, 1 NOT-APPLICABLE\n")


_IN_CLEAR = """
import imaplib, sys
host, port, user, password = sys.argv[1:]
client = imaplib.IMAP4(host, int(port))
client.login(user, password)
"""


def test_no_tls() -> None:
    """Told to use no TLS, a client logs in in clear and passes; not told so, it fails by that."""
    chosen = ("--service", "imap", "--scenario", "good", "--scenario", "starttls-stripped")
    client = ("--", sys.executable, "-c", _IN_CLEAR, "{host}", "{port}", "{user}", "{password}")
    done = _check(*chosen, "--policy", "imap=plaintext", *client, code=0)
    assert (
        "INFO           good@imap\n    critical no-secret-in-clear: it sent the password in clear  (RFC 8314 5.2, "
        in done.stdout
    )
    done = _check(*chosen, *client, code=1)
    assert "FAIL           starttls-stripped@imap\n    critical no-secret-in-clear" in done.stdout


_STORM = """
import os, socket, sys
one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if os.environ["LABSERVER_SCENARIO"] != "good":
    user, password = os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"]
    one.recv(999)
    one.sendall(f"a LOGIN {user} {password}\\r\\n".encode())
    one.recv(999)
    for _ in range(600):
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
    sys.exit()
import imaplib, ssl
client = imaplib.IMAP4(sys.argv[2], int(sys.argv[1]))
client.starttls(ssl.create_default_context(cafile=sys.argv[3]))
client.login(os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"])
"""


_DAEMON = """
import os, socket, sys, time
one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if os.environ["LABSERVER_SCENARIO"] != "good":
    if os.fork():
        os._exit(0)
    one.recv(999)
    time.sleep(1.5)
    user, password = os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"]
    one.sendall(f"a LOGIN {user} {password}\\r\\n".encode())
    time.sleep(99)
import imaplib, ssl
client = imaplib.IMAP4(sys.argv[2], int(sys.argv[1]))
client.starttls(ssl.create_default_context(cafile=sys.argv[3]))
client.login(os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"])
"""


def test_background() -> None:
    """A client whose first process ends is watched for as long as what it left behind is connected."""
    words = (sys.executable, "-c", _DAEMON, "{port}", "{host}", "{ca}")
    seconds = f"{unhurried(3):.0f}"
    arguments = ("--service", "imap", "--scenario", "starttls-stripped", "--timeout", seconds)
    done = _check(*arguments, "--", *words, code=1)
    assert "    critical no-secret-in-clear: it sent the password in clear  (RFC 8314 5.2, " in done.stdout
    assert f"    medium bounded-time: it still ran after {seconds} seconds  (RFC 5321 4.5.3.2)\n" in done.stdout
    assert "    client: exit code 0, but what it left behind is still connected\n" in done.stdout


def test_nothing_is_forgotten(tmp_path: Path) -> None:
    """A client that connects hundreds of times is judged by the first of them, too; its words may be any octets."""
    arguments = ("--service", "imap", "--scenario", "starttls-stripped", "--json", str(tmp_path / "report.json"))
    words = (sys.executable, "-c", _STORM, "{port}", "{host}", "{ca}", os.fsdecode(b"\xff"))
    done = _check(*arguments, "--", *words, code=1)
    assert "    critical no-secret-in-clear: it sent the password in clear  (RFC 8314 5.2, " in done.stdout


_SAYS = (
    'import os; print(*(os.environ[name] for name in ("HOME", "LABSERVER_CASE", "SSL_CERT_FILE", "LABSERVER_CA_P12")))'
)


def test_environment(tmp_path: Path) -> None:
    """The client finds the lab and the case in its environment, and its own home unless it is to be isolated."""
    report = tmp_path / "report.json"
    for isolated in ((), ("--isolated",)):
        _check(*_EXPIRED, *isolated, "--json", str(report), "--", sys.executable, "-c", _SAYS, code=3)
        home, case, ca, store = _told(report)["good@imaps"]["output"].split()
        assert (home == str(Path.home())) is not bool(isolated)
        assert case == "good@imaps"
        assert (Path(ca).suffix, Path(store)) == (".pem", Path(ca).with_suffix(".p12"))
        assert Path(home).exists() is not bool(isolated), "a home that was made is gone again"


_RAW = """
import socket, ssl, sys, os, time
host, port, ca, what = sys.argv[1:]
def connected():
    return socket.create_connection(("127.0.0.1", int(port)))
good = os.environ["LABSERVER_SCENARIO"] == "good"
if good:
    context = ssl.create_default_context(cafile=ca)
    client = context.wrap_socket(connected(), server_hostname=host)
    client.recv(999)
    user, password = os.environ["LABSERVER_USER"], os.environ["LABSERVER_PASSWORD"]
    client.sendall(f"a LOGIN {user} {password}\\r\\n".encode())
    client.recv(999)
    sys.exit(0)
many = [connected() for _ in range(40)]
for one in many:
    one.setblocking(False)
    try:
        one.send(os.urandom(1 << 20) if what == "garbage" else b"\\x16\\x03\\x01\\x40\\x00\\x01" + b"A" * (1 << 20))
    except OSError:
        pass
print("x" * 10_000_000)
if what == "hangs":
    time.sleep(99)
os.abort()
"""


@pytest.mark.parametrize("what", ["garbage", "floods", "hangs"])
def test_client_gone_wild(tmp_path: Path, what: str) -> None:
    """Crashes, floods, garbage and hanging: each is told, none harms the lab or the cases after it."""
    script = tmp_path / "client.py"
    script.write_text(_RAW)
    report = tmp_path / "report.json"
    wild = ("--", sys.executable, str(script), "{host}", "{port}", "{ca}", what)
    arguments = (*_IMAPS, "--scenario", "good", "--scenario", "expired", "--scenario", "self-signed")
    seconds = f"{unhurried(6):.0f}"
    _check(*arguments, "--timeout", seconds, "--json", str(report), *wild, code={0, 1, 3})
    cases = _told(report)
    assert cases["good@imaps"]["verdict"] == "PASS"
    ended = f"still running after {seconds} seconds" if what == "hangs" else "killed by SIGABRT"
    assert [case["ended"] for name, case in cases.items() if name != "good@imaps"] == [ended] * 2
    assert len(cases["self-signed@imaps"]["output"]) < 40_000


def test_interrupted(tmp_path: Path) -> None:
    """An interrupt ends the client and the lab; what was found so far is written: exit code 130."""
    fifo, report = tmp_path / "fifo", tmp_path / "report.json"
    os.mkfifo(fifo)
    client = ("--", "sh", "-c", f"exec 3>{fifo}; sleep 99")
    with subprocess.Popen([*_CHECK, *_EXPIRED, "--json", str(report), *client], cwd=_ROOT) as process:
        with fifo.open("rb") as started:  # opens when the client does
            process.send_signal(signal.SIGINT)
            assert started.read() == b"", "the client is gone"
        assert process.wait(PATIENCE) == 130
    assert _told(report) == {}


_TALKATIVE = """
import base64, os, sys
password = os.environ["LABSERVER_PASSWORD"]
print("before", password[:3])
print("the password is", password)
print("> AUTH PLAIN", base64.b64encode(b"\\0x\\0" + password.encode()).decode())
print("bearer", os.environ["LABSERVER_TOKEN_1"], file=sys.stderr)
print("as", os.environ["LABSERVER_USER"])
"""


def test_what_the_client_prints_is_masked(tmp_path: Path) -> None:
    """Lines with the password, in any encoding, or with the token are in no report; the others are, the name too."""
    report, junit = tmp_path / "report.json", tmp_path / "report.xml"
    words = ("--json", str(report), "--junit", str(junit), "--", sys.executable, "-uc", _TALKATIVE)
    told = _check(*_EXPIRED, *words, code=3).stdout
    first, *masked, last = _told(report)["good@imaps"]["output"].splitlines()
    assert first.startswith("before Sin")
    assert masked == ["****"] * 3
    assert last.startswith("as canary-")
    assert "| ****" in told
    assert junit.read_text().count("****") == 2 * 3, "in both cases"
