"""The client under test as the user told it: its command line, its files, its environment, its terminal."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.check.placeholders import fill, fill_file, parse, used
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.environment import lab_variables, trust_variables
from labserver.private_files import PRIVATE, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labserver.check.run_folder import RunFolder
    from labserver.mailstore.directory import User
    from labserver.servers.leases import Lease

__all__ = ["VARIABLES", "Command", "Prepared", "Template", "template"]

VARIABLES = "LABSERVER_"
"""How the variables begin that have what the placeholders have."""
_EXECUTABLE = 0o700
_NAME = re.compile(r"(?:(?P<kind>x):)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)=(?P<path>.+)", re.DOTALL)
_LARGEST = 1 << 20
_FOLDERS = {"XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache", "XDG_DATA_HOME": ".local/share"}
_MAIL_NAME = "mail.eml"
_MAIL = "From: {0}\r\nTo: {0}\r\nDate: {1}\r\nMessage-ID: <{2}@check.invalid>\r\nSubject: To send\r\n\r\nHello!\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A file that each run gets a copy of, filled in."""

    name: str
    content: bytes
    executable: bool = False


def template(text: str) -> Template:
    """Return the file that ``[x:]NAME=PATH`` means, read; ``x:`` makes it executable. Raises ConfigurationError."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"--file {text}: write NAME=PATH, or x:NAME=PATH for a program; a name has letters, digits and . _ -"
        )
    try:
        with Path(match["path"]).open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--file {text}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _LARGEST:
        raise ConfigurationError(f"--file {text}: it has more than {_LARGEST} octets")
    return Template(name=match["name"], content=content, executable=match["kind"] is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is started for one run."""

    words: list[str]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a client is started, the same for all cases."""

    words: tuple[str, ...]
    files: tuple[Template, ...] = ()
    terminal: bool = False
    """It gets a terminal of its own."""
    told: bool = True
    """Its environment has the case, the lab, and the variables by which programs trust the CA."""
    isolated: bool = False
    """It gets an empty home directory."""

    @classmethod
    def of(cls, words: Sequence[str], files: Sequence[str] = (), **how: bool) -> Command:
        """Return the command that the words and ``--file`` options mean; raises ConfigurationError."""
        templates = {one.name: one for one in map(template, files)}
        if _MAIL_NAME in templates:
            raise ConfigurationError(f"--file {_MAIL_NAME}=…: {{mail}} is called that; use another name")
        if len(templates) < len(files):
            raise ConfigurationError("--file: two files have the same name; give one of them another")
        return cls(words=parse(words, templates), files=tuple(templates.values()), **how)

    def prepared(self, folder: RunFolder, lease: Lease, user: User, values: Mapping[str, str]) -> Prepared:
        """Put everything in place for one run, its files in ``folder``; ``values`` are what the case fills in.

        Raises UnavailableError where the case has no trust store of the form that is asked for.
        """
        if "p12" in used(self.words) and "p12" not in values:
            raise UnavailableError("its CA cannot be written as a PKCS #12 trust store, which {p12} asks for")
        files = folder.below("files")
        mail = files / _MAIL_NAME
        content = _MAIL.format(user.address, formatdate(localtime=False), user.name)
        write_file(mail, content.encode(), mode=PRIVATE, durable=False)
        values = {**values, "dir": str(folder.below("dir")), "mail": str(mail)}
        known = {**values, **{f"file:{one.name}": str(files / one.name) for one in self.files}}
        for one in self.files:
            mode = _EXECUTABLE if one.executable else PRIVATE
            write_file(files / one.name, fill_file(one.content, known), mode=mode, durable=False)
        return Prepared(words=fill(self.words, known), environment=self._environment(folder, lease, user, values))

    def _environment(self, folder: RunFolder, lease: Lease, user: User, values: Mapping[str, str]) -> dict[str, str]:
        environment = dict(os.environ)
        if self.told:
            environment |= _variables(lease, user, values)
        if self.isolated:
            home = folder.below("home")
            environment |= {"HOME": str(home)} | {name: str(home / below) for name, below in _FOLDERS.items()}
        return environment


def _variables(lease: Lease, user: User, values: Mapping[str, str]) -> dict[str, str]:
    """Return what ``labserver env`` would print for this lab, and each value of the case besides."""
    account = {name: values[name] for name in ("user", "password", "address")} | {"token": user.token}
    ready = {"ports": lease.ports, "ca": lease.ca, "accounts": [account]}
    case = {f"{VARIABLES}{name.upper()}": value for name, value in values.items()}
    store = Path(lease.ca["p12"]) if "p12" in lease.ca else None
    trust = trust_variables(lease.ca_pem, store, java_options=os.environ.get("JAVA_TOOL_OPTIONS", ""))
    return trust | lab_variables(ready) | case
