"""mbsync (isync), a mail client on OpenSSL with a comparison of names that is its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.verifiers import openssl
from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.verifiers.case import Case

__all__ = ["MBSYNC"]

REASONS = (
    (r"does not match hostname|cannot get certificate (common name|subject)", Finding.NAME),
    *openssl.REASONS,
)
_CONFIGURATION = """\
IMAPAccount case
Host {name}
Port {port}
User alice
Pass secret
SSLType IMAPS
SystemCertificates no
CertificateFile {anchors}

IMAPStore far
Account case

MaildirStore near
Inbox {folder}/inbox/
Path {folder}/

Channel case
Far :far:
Near :near:
"""


def _wrapper() -> Path | None:
    """Return the library by which a program is told where names lead: mbsync connects nowhere else."""
    return next(Path("/usr/lib").glob("*/libnss_wrapper.so"), None)


def _version() -> str | None:
    if shutil.which("mbsync") is None or _wrapper() is None:
        return None
    return version_of("mbsync", "--version", pattern=r"isync (\S+)", prefix="isync ")


def _words(output: str) -> str:
    """Return its error without the server's name before it."""
    found = re.search(r"^(?:S.* error.*?\(.*?\): |Error, )(.*)", output, re.MULTILINE)
    return found[1].strip() if found else output.strip().rpartition("\n")[2]


def _arguments(case: Case, folder: Path) -> Sequence[str]:
    own = folder / case.id
    own.mkdir(exist_ok=True)
    (own / "hosts").write_text(f"{case.address} {case.name}\n{case.address} {case.name.rstrip('.')}\n")
    settings = {"name": case.name, "port": case.ports["imaps"], "anchors": case.anchors, "folder": own}
    (own / "configuration").write_text(_CONFIGURATION.format(**settings))
    return (
        *(f"LD_PRELOAD={_wrapper()}", f"NSS_WRAPPER_HOSTS={own / 'hosts'}"),
        *("mbsync", "--debug-net", "--list", "--config", str(own / "configuration"), "case"),
    )


MBSYNC = Command(
    name="mbsync",
    program="env",
    version_of=_version,
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
    asks=frozenset(),
)
