"""A Thunderbird profile with one account in the lab, made from nothing: trust, logins, settings.

Nothing in it asks a person anything, and what Thunderbird would fetch from the web goes to a proxy that is not there.
"""

from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.clients.running_lab import Endpoint

__all__ = ["make_profile"]

_STARTTLS, _IMPLICIT = 2, 3
"""Thunderbird's socket types (nsMsgSocketType)."""
_PASSWORD = 3
"""Its way to log in "with a normal password", inside TLS (nsMsgAuthMethod.passwordCleartext)."""
_DISCARD = 9
"""A port where nobody listens."""

_QUIET: dict[str, object] = {
    "app.donation.eoy.version.viewed": 999,
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "app.update.disabledForTesting": True,
    "app.update.enabled": False,
    "browser.cache.disk.enable": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": _DISCARD,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": _DISCARD,
    "network.proxy.type": 1,
    "services.settings.server": "data:,none",
    "toolkit.telemetry.enabled": False,
}


def make_profile(folder: Path, imap: Endpoint, smtp: Endpoint) -> None:
    """Make the profile; needs certutil and NSS's library."""
    folder.mkdir(mode=0o700)
    for arguments in (
        ("-N", "--empty-password"),
        ("-A", "-n", "labserver", "-t", "C,,", "-i", str(imap.ca)),
    ):
        subprocess.run(
            ["certutil", *arguments, "-d", f"sql:{folder}"], check=True, capture_output=True, timeout=PATIENCE
        )
    _write_logins(folder, (imap, smtp))
    preferences = _QUIET | _account(imap, smtp)
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
    (folder / "user.js").write_text("".join(lines), encoding="utf-8")


def _account(imap: Endpoint, smtp: Endpoint) -> dict[str, object]:
    """Return the preferences that make one account: its server, its identity, its way out."""
    groups: dict[str, dict[str, object]] = {
        "mail.server.server1": {
            "type": "imap",
            "name": "lab",
            "hostname": imap.host,
            "port": imap.port,
            "userName": imap.account.user,
            "socketType": _IMPLICIT if imap.implicit else _STARTTLS,
            "authMethod": _PASSWORD,
            "login_at_startup": True,
            "check_new_mail": True,
            "offline_download": True,
            "use_idle": True,
            "directory-rel": "[ProfD]ImapMail/lab",
        },
        "mail.identity.id1": {
            "fullName": imap.account.user,
            "useremail": imap.account.address,
            "smtpServer": "smtp1",
            "valid": True,
        },
        "mail.smtpserver.smtp1": {
            "hostname": smtp.host,
            "port": smtp.port,
            "username": smtp.account.user,
            "try_ssl": _IMPLICIT if smtp.implicit else _STARTTLS,
            "authMethod": _PASSWORD,
        },
    }
    preferences: dict[str, object] = {
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1",
        "mail.account.account1.identities": "id1",
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
    }
    return preferences | {
        f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()
    }


def _write_logins(folder: Path, endpoints: Iterable[Endpoint]) -> None:
    """Write the passwords as Thunderbird keeps them, so that it asks for none."""
    logins = []
    for number, endpoint in enumerate(endpoints, 1):
        name, password = _sealed(folder, endpoint.account.user, endpoint.account.password)
        origin = f"{endpoint.protocol}://{endpoint.host}"
        logins.append(
            {
                "id": number,
                "hostname": origin,
                "httpRealm": origin,
                "formSubmitURL": None,
                "usernameField": "",
                "passwordField": "",
                "encryptedUsername": name,
                "encryptedPassword": password,
                "guid": f"{{{uuid.uuid4()}}}",
                "encType": 1,
                "timeCreated": 0,
                "timeLastUsed": 0,
                "timePasswordChanged": 0,
                "timesUsed": 1,
            }
        )
    content = {"nextId": len(logins) + 1, "logins": logins, "version": 3}
    (folder / "logins.json").write_text(json.dumps(content), encoding="utf-8")


def _sealed(folder: Path, *texts: str) -> list[str]:
    library = ctypes.util.find_library("nss3")
    assert library, "NSS's library is not there"
    script = Path(__file__).with_name("remember.py")
    done = subprocess.run(
        [sys.executable, "-I", str(script), library, str(folder)],
        input="\n".join(texts),
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout.split()
