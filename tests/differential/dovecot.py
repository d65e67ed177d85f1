"""Debian's dovecot-imapd as the reference: a private instance in a temporary folder, on one loopback port.

Any user name is an account of its own, with the password ``secret`` and the lab's folders; mail is kept as sdbox.
It runs as root, with Debian's unprivileged users for its parts, or wholly as whoever starts it.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.sandbox import missing
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FOLDERS", "running_dovecot"]

FOLDERS = {"Archive": r"\Archive", "Drafts": r"\Drafts", "Junk": r"\Junk", "Sent": r"\Sent", "Trash": r"\Trash"}
"""The folders that every account of the lab has, with their special use (RFC 6154)."""


_CONFIGURATION = r"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = sdbox:~/sdbox
mail_plugins =
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 0
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox INBOX {{
    auto = subscribe
  }}
{mailboxes}
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service auth {{
  client_limit = 1224
}}
service imap {{
  service_count = 1000
  process_min_avail = 2
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@contextlib.contextmanager
def running_dovecot() -> Iterator[int]:
    """Run Dovecot until the block ends; yields its port."""
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin") or missing("dovecot")
    folder = Path(tempfile.mkdtemp(prefix="labserver-dovecot."))
    try:
        port = _free_port()
        configuration = _configure(folder, port)
        with subprocess.Popen([program, "-F", "-c", configuration], stdin=subprocess.DEVNULL) as process:
            try:
                _wait_until_ready(process, port, folder / "log")
                yield port
            finally:
                process.terminate()
                process.wait(PATIENCE)
    finally:
        shutil.rmtree(folder)


def _configure(folder: Path, port: int) -> Path:
    me, my_group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    users = {
        "mail_user": me, "mail_group": my_group, "internal_user": me, "internal_group": my_group, "login_user": me,
    }  # fmt: skip
    (folder / "mail").mkdir()
    if os.geteuid() == 0:
        users = {
            "mail_user": "nobody", "mail_group": "nogroup",
            "internal_user": "dovecot", "internal_group": "dovecot", "login_user": "dovenull",
        }  # fmt: skip
        folder.chmod(0o755)
        shutil.chown(folder / "mail", "nobody", "nogroup")
    mailboxes = "\n".join(
        f"  mailbox {name} {{\n    auto = subscribe\n    special_use = {use}\n  }}" for name, use in FOLDERS.items()
    )
    path = folder / "dovecot.conf"
    path.write_text(_CONFIGURATION.format(folder=folder, port=port, mailboxes=mailboxes, **users))
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(PATIENCE)
            if connection.recv(1):
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
        if process.returncode is not None or time.monotonic() > deadline:
            raise AssertionError(f"dovecot did not become ready:\n{log.read_text() if log.exists() else ''}")
