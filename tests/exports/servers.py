"""Other people's servers that present exported chains: each one process for all of them, which SNI chooses from.

They run on one loopback port, with their files in a temporary folder that their unprivileged processes can get to.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.bench.processes import accepts, free_port, running
from tests.clients.sandbox import missing
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["dovecot", "postfix"]

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_min_protocol = TLSv1.2
ssl_cipher_list = ALL:!aNULL:@SECLEVEL=0
ssl_cert = <{export}/good/chain.pem
ssl_key = <{export}/good/key.pem
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
mail_location = mbox:/nowhere
passdb {{
  driver = static
  args = password=secret
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
_DOVECOT_NAME = """
local_name {name} {{
  ssl_cert = <{folder}/chain.pem
  ssl_key = <{folder}/key.pem
}}
"""

_POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
myhostname = lab.test
inet_interfaces = 127.0.0.1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_ciphers = low
smtpd_tls_mandatory_ciphers = low
tls_low_cipherlist = ALL:!aNULL:@SECLEVEL=0
smtpd_tls_chain_files = {export}/good/key.pem, {export}/good/chain.pem
tls_server_sni_maps = hash:{folder}/sni
"""
_POSTFIX_SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
"""
_POSTFIX_QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace maildrop public pid"


@contextlib.contextmanager
def dovecot(export: Path, names: Mapping[str, str], folder: Path) -> Iterator[int]:
    """Run Dovecot with the exported chains by their host names; yields its port for IMAP with TLS."""
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin") or missing("dovecot")
    me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    users = {"internal": me, "group": mine, "login": me}
    if os.geteuid() == 0:
        users = {"internal": "dovecot", "group": "dovecot", "login": "dovenull"}
    port = free_port()
    places = "".join(_DOVECOT_NAME.format(name=name, folder=export / case) for case, name in names.items())
    path = folder / "dovecot.conf"
    path.write_text(_DOVECOT.format(folder=folder, export=export, port=port, **users) + places)
    with running([program, "-F", "-c", str(path)], log=folder / "said", ready=accepts(port)):
        yield port


@contextlib.contextmanager
def postfix(export: Path, names: Mapping[str, str], folder: Path) -> Iterator[int]:
    """Run Postfix's master and smtpd with the exported chains by their host names; yields the port for SMTP.

    Its master wants to be started by root.
    """
    program = shutil.which("master", path="/usr/lib/postfix/sbin") or missing("postfix")
    if os.geteuid() != 0:
        pytest.skip("only root starts postfix")
    port = free_port()
    for queue in _POSTFIX_QUEUES.split():
        (folder / "queue" / queue).mkdir(parents=True)
        shutil.chown(folder / "queue" / queue, "postfix")
    (folder / "data").mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "main.cf").write_text(_POSTFIX.format(folder=folder, export=export))
    (folder / "master.cf").write_text(_POSTFIX_SERVICES.format(port=port))
    lines = (f"{name} {export / case}/key.pem, {export / case}/chain.pem\n" for case, name in names.items())
    (folder / "sni").write_text("".join(lines))
    subprocess.run(["postmap", "-c", folder, "-F", f"hash:{folder / 'sni'}"], check=True, timeout=PATIENCE)
    command = ["env", f"MAIL_CONFIG={folder}", program, "-c", str(folder), "-d"]
    with running(command, log=folder / "said", ready=accepts(port)):
        yield port
