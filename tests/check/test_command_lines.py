"""What a client is started with: placeholders, files, folders, variables, a terminal, the system's certificates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labserver.check.naming import SYSTEM_CERTIFICATES
from tests.clients.sandbox import missing
from tests.patience import PATIENCE

_ROOT = Path(__file__).parents[2]
_CHECK = (sys.executable, "-m", "labserver", "check")
_NAMES = ("case", "scenario", "service", "protocol", "security", "dir", "p12", "mail", "file:rc", "file:run")

_TELLS = """
import json, os, stat, sys
told = dict(zip(sys.argv[1].split(), sys.argv[2:]))
told["read"] = {name: open(told[name], newline="").read() for name in ("mail", "file:rc")}
told["modes"] = {name: stat.S_IMODE(os.stat(told[name]).st_mode) for name in ("mail", "file:rc", "file:run")}
told["empty"] = os.listdir(told["dir"]) == []
open(os.path.join(told["dir"], "left behind"), "x").close()
told["ran"] = os.popen(told["file:run"]).read()
told["same"] = all(os.environ["LABSERVER_" + name.upper()] == told[name] for name in ("case", "dir", "mail", "p12"))
print(json.dumps(told))
"""


def _script(folder: Path, content: str) -> str:
    """Return the path of a file with a program: on a command line its braces would be placeholders."""
    path = folder / "client.py"
    path.write_text(content)
    return str(path)


def _outputs(tmp_path: Path, *arguments: str, code: int = 3) -> dict[str, str]:
    """Run a client; return what it printed by case."""
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*_CHECK, "--json", str(report), *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return {case["case"]: case["output"] for case in json.loads(report.read_text())["cases"]}


def test_placeholders_and_files(tmp_path: Path) -> None:
    """Each run has a folder, a mail and files of its own, filled in, private, and gone afterwards."""
    (tmp_path / "rc.in").write_text("host {host} { braces {stay} } {file:run} {case}")
    (tmp_path / "run.in").write_text("#!/bin/sh\necho this is {scenario}, ${0##*/}\n")
    files = ("--file", f"rc={tmp_path}/rc.in", "--file", f"x:run={tmp_path}/run.in")
    words = ("--", sys.executable, _script(tmp_path, _TELLS), " ".join(_NAMES), *(f"{{{name}}}" for name in _NAMES))
    outputs = _outputs(tmp_path, "--service", "imaps", "--scenario", "expired", *files, *words)
    told: list[dict[str, Any]] = [json.loads(output) for output in outputs.values()]
    good, expired = told
    for one, scenario in ((good, "good"), (expired, "expired")):
        assert (one["case"], one["scenario"]) == (f"{scenario}@imaps", scenario)
        assert (one["service"], one["protocol"], one["security"]) == ("imaps", "imap", "tls")
        assert one["read"]["file:rc"].split(" ", 2)[2] == f"{{ braces {{stay}} }} {one['file:run']} {one['case']}"
        assert one["ran"] == f"this is {scenario}, run\n"
        assert one["modes"] == {"mail": 0o600, "file:rc": 0o600, "file:run": 0o700}
        assert one["empty"]
        assert one["same"]
        head, _, body = one["read"]["mail"].partition("\r\n\r\n")
        assert body == "Hello!\r\n"
        assert head.startswith("From: canary-")
        assert not Path(one["dir"]).parent.exists()


_PLAIN = """
import json, os, sys
ours = [name for name in os.environ if name.startswith("LABSERVER") or name in ("SSL_CERT_FILE", "DENO_CERT")]
try:
    with open("/dev/tty"): terminal = True
except OSError:
    terminal = False
print(json.dumps({"ours": ours, "terminals": [os.isatty(place) for place in range(3)] + [terminal]}))
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_terminal_without_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    """A client can have a terminal of its own, or none at all; and no variable of the lab's."""
    for name in [name for name in os.environ if name.startswith("LABSERVER") or name in ("SSL_CERT_FILE", "DENO_CERT")]:
        monkeypatch.delenv(name)
    how = ("--pty",) if terminal else ()
    chosen = ("--service", "imaps", "--scenario", "good", "--no-env", *how)
    outputs = _outputs(tmp_path, *chosen, "--", sys.executable, _script(tmp_path, _PLAIN))
    assert json.loads(outputs["good@imaps"]) == {"ours": [], "terminals": [terminal] * 4}


_TRUSTING = """
import imaplib, os, ssl, sys
host, port, user, password = sys.argv[1:5]
context = ssl.create_default_context(capath="/etc/ssl/certs")
bundle = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
for trusted in (context, bundle):
    imaplib.IMAP4_SSL(host, int(port), ssl_context=trusted).login(user, password)
"""


def test_system_certificates(tmp_path: Path) -> None:
    """A client without an option for a CA finds the case's in the system's folder; the system's own stays as it was."""
    before = sorted(SYSTEM_CERTIFICATES.iterdir()) if SYSTEM_CERTIFICATES.is_dir() else []
    chosen = (f"--scenario={one}" for one in ("good", "good-trustme", "expired"))
    arguments = ("--service", "imaps", *chosen, "--system-ca", "--no-env")
    words = ("--", sys.executable, _script(tmp_path, _TRUSTING), "{host}", "{port}", "{user}", "{password}")
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*_CHECK, *arguments, "--json", str(report), *words],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 2:
        assert "--system-ca: " in done.stderr
        missing("unshare --mount")
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(report.read_text())["cases"]
    assert {case["case"]: case["verdict"] for case in cases} == {
        "good@imaps": "PASS",
        "good-trustme@imaps": "PASS",
        "expired@imaps": "PASS",
    }
    assert (sorted(SYSTEM_CERTIFICATES.iterdir()) if SYSTEM_CERTIFICATES.is_dir() else []) == before
