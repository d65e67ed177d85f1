"""Starts clients that want a file: ``CLIENT FOLDER HOST PORT CA USER PASSWORD SECURITY ADDRESS [word…]``.

The file is written from what ``labserver check`` filled in, then this process becomes the client. Every client is told
what a careful user would tell it: TLS is required, the certificate is verified, $PATIENCE seconds are enough.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = os.environ.get("PATIENCE", "5")
MESSAGE = "Subject: checked\n\nHello!\n"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the client is told."""

    folder: Path
    host: str
    port: str
    ca: str
    user: str
    password: str
    security: str
    address: str
    more: tuple[str, ...]
    """Words that change something on purpose."""

    @property
    def implicit(self) -> bool:
        """Whether TLS begins with the first octet."""
        return self.security == "tls"

    def written(self, name: str, content: str) -> str:
        """Write a private file and return its path."""
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o600)
        return str(path)


def _msmtp(told: Told) -> list[str]:
    """Return msmtp's command line; its message is on its standard input."""
    settings = {
        "account": "a",
        "host": told.host,
        "port": told.port,
        "from": told.address,
        "auth": "on",
        "user": told.user,
        "password": told.password,
        "tls": "on",
        "tls_starttls": "off" if told.implicit else "on",
        "tls_trust_file": told.ca,
        "timeout": PATIENCE,
    }
    file = told.written("msmtprc", "".join(f"{name} {value}\n" for name, value in settings.items()))
    message = os.open(told.written("message", MESSAGE), os.O_RDONLY)
    os.dup2(message, 0)
    return ["msmtp", "-C", file, "-a", "a", told.address]


def _mbsync(told: Told) -> list[str]:
    """Return mbsync's command line; it pulls into a Maildir."""
    maildir = told.folder / "mail"
    maildir.mkdir(exist_ok=True)
    file = told.written(
        "mbsyncrc",
        f"IMAPAccount a\nHost {told.host}\nPort {told.port}\nUser {told.user}\nPass {told.password}\n"
        f"Timeout {PATIENCE}\nSSLType {'IMAPS' if told.implicit else 'STARTTLS'}\nSystemCertificates no\n"
        f"CertificateFile {told.ca}\n\n"
        "IMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nPath {maildir}/\nInbox {maildir}/inbox\nSubFolders Verbatim\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n",
    )
    return ["mbsync", "-c", file, "c"]


def _fetchmail(protocol: str) -> Callable[[Told], list[str]]:
    def words(told: Told) -> list[str]:
        """Return fetchmail's command line; it hands mail to ``cat``."""
        ssl = "ssl" if told.implicit else ""
        file = told.written(
            "fetchmailrc",
            f"poll {told.host} service {told.port} proto {protocol} timeout {PATIENCE} user '{told.user}' "
            f"password '{told.password}' keep {ssl} sslcertck sslcertfile {told.ca} sslproto 'tls1.2+' "
            "mda '/bin/cat'\n",
        )
        os.environ["FETCHMAILHOME"] = str(told.folder)
        ids, pid = told.folder / "ids", told.folder / "pid"
        return ["fetchmail", "-f", file, "-N", "--pidfile", str(pid), "-i", str(ids), "--nosyslog"]

    return words


def _muttrc(told: Told) -> str:
    suffix = "s" if told.implicit else ""
    return told.written(
        "muttrc",
        "set ssl_force_tls=yes ssl_starttls=yes\n"
        f'set ssl_ca_certificates_file="{told.ca}" certificate_file="{told.folder}/accepted"\n'
        f'set from="{told.address}" use_from=yes envelope_from_address="{told.address}"\n'
        f'set smtp_url="smtp{suffix}://{told.user}@{told.host}:{told.port}/" smtp_pass="{told.password}"\n'
        # Left alone, this mutt picks SCRAM-SHA-256-PLUS for SMTP, for which it has no channel binding, and gives up.
        "set smtp_authenticators=scram-sha-256\n"
        f'set imap_user="{told.user}" imap_pass="{told.password}" connect_timeout={PATIENCE}\n'
        f'set folder="imap{suffix}://{told.host}:{told.port}/" spoolfile="+INBOX" record=""\n'
        "set sleep_time=0 quit=yes move=no delete=yes mark_old=no wait_key=no\n",
    )


def _mutt_sending(told: Told) -> list[str]:
    """Return mutt's command line for a message on its standard input, sent by its own SMTP."""
    os.dup2(os.open(told.written("message", MESSAGE), os.O_RDONLY), 0)
    return ["mutt", "-F", _muttrc(told), "-s", "checked", told.address]


def _mutt_reading(told: Told) -> list[str]:
    """Return mutt's command line; it opens the INBOX at its screen and leaves."""
    os.environ["TERM"] = "xterm"
    return ["mutt", "-F", _muttrc(told), "-e", "push <exit>"]


_CLIENTS: dict[str, Callable[[Told], list[str]]] = {
    "msmtp": _msmtp,
    "mbsync": _mbsync,
    "fetchmail-imap": _fetchmail("imap"),
    "fetchmail-pop3": _fetchmail("pop3"),
    "mutt-sending": _mutt_sending,
    "mutt-reading": _mutt_reading,
}


def main() -> None:
    """Become the client."""
    client, folder, host, port, ca, user, password, security, address, *more = sys.argv[1:]
    told = Told(
        folder=Path(folder),
        host=host,
        port=port,
        ca=ca,
        user=user,
        password=password,
        security=security,
        address=address,
        more=tuple(more),
    )
    words = _CLIENTS[client](told)
    os.execvp(words[0], [*words, *told.more])  # noqa: S606 -- it becomes the client


if __name__ == "__main__":
    main()
