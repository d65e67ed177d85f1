"""Exported chains in other people's servers: what a client gets is what was exported, judged as in the lab."""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.cli.chain_sources import ImaginedLab
from labserver.cli.scenario_chains import Selection, export_scenarios
from labserver.pki.material import Wanted
from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import ENGINES
from tests.exports import servers
from tests.exports.files import certificates
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    _Serve = Callable[[Path, Mapping[str, str], Path], AbstractContextManager[int]]

_BOOK = all_recipes()
_DOMAIN = ".lab.test"
_TOO_LONG = {"10000-sans"}
"""Chains of more than 100 KiB, which is as much as OpenSSL's clients take."""

pytestmark = pytest.mark.differential


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export of the whole catalogue."""

    folder: Path
    names: dict[str, str]
    """The host names, by their ids, of those that SNI can choose and every server's OpenSSL can present."""


@pytest.fixture(scope="module")
def export() -> Iterator[Export]:
    """Return an export where Dovecot's unprivileged processes can get to, which pytest's folders are not."""
    with tempfile.TemporaryDirectory(prefix="labserver-export-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = ImaginedLab(CATALOGUE, Wanted())
        export_scenarios(Selection(globs=("*",)), CATALOGUE, source, folder, force=False)
        lines = json.loads((folder / "index.json").read_text())["scenarios"]
        reached = {line["id"]: line["host_names"][0] for line in lines if line["files"] and line["by_name"]}
        names = {case: name for case, name in reached.items() if name == case + _DOMAIN and _anywhere(case)}
        yield Export(folder=folder, names=names)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for a server's own files."""
    with tempfile.TemporaryDirectory(prefix="labserver-server-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _starttls(plain: socket.socket) -> None:
    """Get an SMTP server to the point where TLS begins."""
    with plain.makefile("rwb") as stream:
        for command in (b"", b"EHLO lab.test\r\n", b"STARTTLS\r\n"):
            stream.write(command)
            stream.flush()
            while stream.readline()[3:4] == b"-":
                pass


def _from_the_start(_: socket.socket) -> None:
    """Do nothing: TLS begins with the first octet."""


_SERVERS: dict[
    str, tuple[Callable[[Path, Mapping[str, str], Path], AbstractContextManager[int]], Callable[[socket.socket], None]]
] = {
    "dovecot": (servers.dovecot, _from_the_start),
    "postfix": (servers.postfix, _starttls),
}


@contextmanager
def _met(
    port: int, name: str, begin: Callable[[socket.socket], None], context: ssl.SSLContext
) -> Iterator[ssl.SSLSocket]:
    """Connect to a server by a name."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        begin(plain)
        with context.wrap_socket(plain, server_hostname=name) as tls:
            yield tls


def _received(port: int, name: str, begin: Callable[[socket.socket], None]) -> list[bytes] | None:
    """Return what the server sends, None if it ends the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    try:
        with _met(port, name, begin, context) as tls:
            chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001 -- public from 3.13 on
            return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]
    except (ssl.SSLError, ConnectionError):
        return None


def _judged(port: int, name: str, begin: Callable[[socket.socket], None], folder: Path) -> int:
    """Return OpenSSL's code for the chain, 0 if it accepts it; whoever has CRLs consults them."""
    anchors, lists = folder / "anchors.pem", folder / "crls.pem"
    context = ssl.create_default_context(cafile=str(anchors)) if anchors.exists() else ssl.create_default_context()
    if lists.exists():
        context.load_verify_locations(lists)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    try:
        with _met(port, name, begin, context):
            return 0
    except ssl.SSLCertVerificationError as error:
        return error.verify_code


def _anywhere(case: str) -> bool:
    """Tell whether every server can present it without being told which versions to speak."""
    if case not in _BOOK:
        return True
    spec = _BOOK[case]  # one that is made anew for each connection may not last long enough
    return spec.engine == ENGINES[0] and spec.newest == "TLSv1.3" and not spec.anew


def _code(case: str) -> int:
    """Return the code with which OpenSSL refuses what the lab serves."""
    return _BOOK[case].openssl if case in _BOOK else 0


@pytest.mark.parametrize("server", _SERVERS)
def test_other_servers(server: str, export: Export, folder: Path) -> None:
    """A server presents the exported chain octet for octet, and a client judges it as it does the lab's."""
    serve, begin = _SERVERS[server]
    with serve(export.folder, export.names, folder) as port:
        found = {case: _received(port, name, begin) for case, name in export.names.items()}
        received = {case: chain for case, chain in found.items() if chain is not None}
        judged = {case: _judged(port, export.names[case], begin, export.folder / case) for case in received}
    assert found.keys() - received.keys() == _TOO_LONG
    assert {
        case for case, chain in received.items() if chain != certificates(export.folder / case / "chain.pem")
    } == set()
    assert {case: code for case, code in judged.items() if code != _code(case)} == {}
    assert len(judged) > 100
