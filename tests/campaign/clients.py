"""Mail clients for a campaign over the whole catalogue, each told what a careful user would tell it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE as LONG

__all__ = ["CLIENTS", "PATIENCE", "Client", "installed", "version"]

PATIENCE = 4
"""Seconds that a client is told to wait for a server, where it can be told."""
_CHECKS = Path(__file__).parents[1] / "check"
_NODE = Path(__file__).parents[1] / "clients" / "node"
_SMTP, _IMAP, _POP3 = ("submissions", "submission", "smtp"), ("imaps", "imap"), ("pop3s", "pop3")
_TOLD = ("{host}", "{port}", "{ca}", "{user}", "{password}", "{security}", "{address}")


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client and how it is started."""

    program: str
    version: tuple[str, ...]
    """What prints its version, in the first line."""
    words: tuple[str, ...]
    """A command for ``labserver check``."""
    services: tuple[str, ...]
    """Those that it speaks; with TLS from the first octet first."""
    slow: bool = False
    """Whether it takes so long to start that certificates are tried with its first service only."""
    terminal: bool = False
    """Whether it wants a terminal."""
    needs: Path | None = None
    """What has to be installed besides the program."""


def _curl(*options: str) -> tuple[str, ...]:
    return ("curl", "-sS", "--max-time", str(PATIENCE), "--ssl-reqd", "--cacert", "{ca}", *options, "{url}/")


def _configured(client: str) -> tuple[str, ...]:
    return (sys.executable, "-S", str(_CHECKS / "configured.py"), client, "{dir}", *_TOLD)


def _node(script: str) -> tuple[str, ...]:
    settings = (
        '{{"host": "{host}", "port": {port}, "security": "{security}", "user": "{user}", "password": "{password}",'
        f' "address": "{{address}}", "message": "{{mail}}", "patience": {PATIENCE * 1000}}}}}'
    )
    return ("node", str(_NODE / script), settings)


def _python(script: Path) -> tuple[str, ...]:
    return (sys.executable, str(script), *_TOLD)


def _node_version(package: str) -> tuple[str, ...]:
    """Return what prints the versions of a package and of Node.js."""
    installed_as = f"require({str(_NODE / 'node_modules' / package / 'package.json')!r}).version"
    return ("node", "-p", f"'{package} ' + {installed_as} + ', Node.js ' + process.versions.node")


_LIBRARIES = (sys.executable, "--version")
CLIENTS = {
    "curl, sending": Client(
        program="curl",
        version=("curl", "--version"),
        words=_curl("-u", "{user}:{password}", "--mail-from", "{address}", "--mail-rcpt", "{address}", "-T", "{mail}"),
        services=_SMTP,
    ),
    "curl, reading": Client(
        program="curl",
        version=("curl", "--version"),
        words=_curl("-u", "{user}:{password}"),
        services=(*_IMAP, *_POP3),
    ),
    "msmtp": Client(
        program="msmtp",
        version=("msmtp", "--version"),
        words=_configured("msmtp"),
        services=_SMTP,
    ),
    "swaks": Client(
        program="swaks",
        version=("swaks", "--version"),
        words=(
            *("sh", "-c", 'tls=$1; shift; case $tls in tls) exec swaks "$@" -tlsc;; *) exec swaks "$@" -tls;; esac'),
            *("sh", "{security}", "--server", "{host}", "--port", "{port}", "--tls-verify", "--tls-ca-path", "{ca}"),
            *("-f", "{address}", "-t", "{address}", "-a", "PLAIN", "-au", "{user}", "-ap", "{password}"),
            *("--timeout", str(PATIENCE)),
        ),
        services=_SMTP,
        slow=True,
    ),
    "fetchmail, IMAP": Client(
        program="fetchmail",
        version=("fetchmail", "--version"),
        words=_configured("fetchmail-imap"),
        services=_IMAP,
    ),
    "fetchmail, POP3": Client(
        program="fetchmail",
        version=("fetchmail", "--version"),
        words=_configured("fetchmail-pop3"),
        services=_POP3,
    ),
    "mbsync": Client(
        program="mbsync",
        version=("mbsync", "--version"),
        words=_configured("mbsync"),
        services=_IMAP,
    ),
    "mutt, sending": Client(
        program="mutt",
        version=("mutt", "-v"),
        words=_configured("mutt-sending"),
        services=_SMTP,
    ),
    "mutt, reading": Client(
        program="mutt",
        version=("mutt", "-v"),
        words=_configured("mutt-reading"),
        services=_IMAP,
        terminal=True,
    ),
    "smtplib": Client(
        program=sys.executable,
        version=_LIBRARIES,
        words=_python(_CHECKS / "smtplib_client.py"),
        services=_SMTP,
        slow=True,
    ),
    "imaplib": Client(
        program=sys.executable,
        version=_LIBRARIES,
        words=_python(Path(__file__).with_name("imaplib_client.py")),
        services=_IMAP,
        slow=True,
    ),
    "nodemailer": Client(
        program="node",
        version=_node_version("nodemailer"),
        words=_node("send.mjs"),
        services=_SMTP,
        slow=True,
        needs=_NODE / "node_modules" / "nodemailer",
    ),
    "imapflow": Client(
        program="node",
        version=_node_version("imapflow"),
        words=_node("read.mjs"),
        services=_IMAP,
        slow=True,
        needs=_NODE / "node_modules" / "imapflow",
    ),
}
"""Every client by its name; those that are not installed are left out."""


def installed(client: Client) -> bool:
    """Return whether a client is on this machine."""
    return shutil.which(client.program) is not None and (client.needs is None or client.needs.is_dir())


def version(client: Client) -> str:
    """Return the first line that a client says about itself."""
    done = subprocess.run(client.version, capture_output=True, text=True, timeout=LONG, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip()
