"""The lab and its peers, each in the way its makers would start it for this purpose."""

from __future__ import annotations

import contextlib
import getpass
import grp
import json
import os
import pwd
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.bench.processes import Server, accepts, free_port, ready_line, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ACCOUNT", "ROOT", "Certificate", "Lab", "Peer", "aiosmtpd", "dovecot", "lab", "s_server", "smtp_sink"]

ACCOUNT = ("alice", "secret")
ROOT = Path(__file__).parents[2]
"""The checkout that this is a part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A lab that is ready."""

    server: Server
    ports: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another server that is ready."""

    server: Server
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One P-256 leaf and its intermediate, so that all servers send the same."""

    folder: Path

    @classmethod
    def issue(cls, folder: Path) -> Certificate:
        """Issue it for localhost."""
        leaf = trustme.CA().create_child_ca().issue_cert("localhost", common_name="localhost")
        for number, pem in enumerate(leaf.cert_chain_pems):
            pem.write_to_path(str(folder / ("leaf.pem" if number == 0 else "intermediate.pem")), append=number > 1)
        leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        (folder / "chain.pem").write_bytes(chain)
        return cls(folder=folder)

    @property
    def chain(self) -> Path:
        """The leaf and what is sent with it."""
        return self.folder / "chain.pem"

    @property
    def key(self) -> Path:
        """The leaf's key."""
        return self.folder / "key.pem"


@contextlib.contextmanager
def lab(folder: Path, *options: str, root: Path = ROOT) -> Iterator[Lab]:
    """Run the lab on free ports; ``root`` is the checkout that it is run from."""
    command = [sys.executable, "-m", "labserver", "up", "--ports", "any", "--bind", "127.0.0.1", "--quiet", *options]
    with running(command, log=folder / "lab.log", ready=ready_line, cwd=root) as server:
        record = json.loads(server.said.split(b" ", 2)[2])
        yield Lab(server=server, ports=record["ports"])


@contextlib.contextmanager
def aiosmtpd(folder: Path, certificate: Certificate | None = None) -> Iterator[Peer]:
    """Run a bare aiosmtpd that throws mail away, with implicit TLS if it is given a certificate."""
    tls = [str(certificate.chain), str(certificate.key)] if certificate else []
    command = [sys.executable, str(Path(__file__).with_name("bare_aiosmtpd.py")), *tls]
    with running(command, log=folder / "aiosmtpd.log", ready=ready_line) as server:
        yield Peer(server=server, port=int(server.said))


@contextlib.contextmanager
def smtp_sink(folder: Path) -> Iterator[Peer]:
    """Run Postfix's smtp-sink, which is C and throws mail away."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = ["smtp-sink", *user, f"127.0.0.1:{port}", "512"]
    with running(command, log=folder / "smtp-sink.log", ready=accepts(port)) as server:
        yield Peer(server=server, port=port)


@contextlib.contextmanager
def s_server(folder: Path, certificate: Certificate) -> Iterator[Peer]:
    """Run ``openssl s_server``; like the lab's, its sessions cannot be resumed."""
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-no_ticket", "-num_tickets", "0"]
    command += ["-cert", str(certificate.folder / "leaf.pem"), "-key", str(certificate.key)]
    command += ["-cert_chain", str(certificate.folder / "intermediate.pem")]
    with running(command, log=folder / "s_server.log", ready=accepts(port)) as server:
        yield Peer(server=server, port=port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """Dovecot that is ready."""

    server: Server
    imap: int
    pop3: int


@contextlib.contextmanager
def dovecot(folder: Path, maildir: Path) -> Iterator[Dovecot]:
    """Run Debian's Dovecot over a Maildir, its indexes empty, with a process of its own for each session as usual.

    It must not read mail as root: then the Maildir belongs to nobody.
    """
    for index in maildir.glob("dovecot.index*"):
        index.unlink()
    root = os.geteuid() == 0
    user = "nobody" if root else getpass.getuser()
    imap, pop3 = free_port(), free_port()
    settings = _DOVECOT.format(
        folder=folder,
        maildir=maildir,
        imap=imap,
        pop3=pop3,
        user=user,
        group=grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name,
        internal="dovecot" if root else user,
        login="dovenull" if root else user,
        password=ACCOUNT[1],
    )
    config = folder / "dovecot.conf"
    config.write_text(settings, encoding="ascii")
    if root:
        for path in (maildir, *maildir.rglob("*")):
            shutil.chown(path, user)
    command = ["dovecot", "-F", "-c", str(config)]
    with running(command, log=folder / "dovecot.log", ready=accepts(imap)) as server:
        yield Dovecot(server=server, imap=imap, pop3=pop3)


_DOVECOT = """
base_dir = {folder}/dovecot-run
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{maildir}
default_internal_user = {internal}
default_login_user = {login}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
