"""What a server agrees to, as programs over sockets find it: OpenSSL's and GnuTLS's own clients."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from labserver.tls.engine import TlsSettings, make_engines
from tests.clients.sandbox import missing
from tests.patience import PATIENCE
from tests.tls.clients import NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.tls.engine import TlsEngine

GREETING = b"* OK hello\r\n"
TO_1_2: dict[str, Any] = {"maximum": "TLSv1.2"}
OPENSSL: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("openssl", {"ciphers": "NULL-SHA256", **TO_1_2}, "-cipher NULL-SHA256:@SECLEVEL=0", r"Cipher is NULL-SHA256"),
    ("tlslite", {"ciphers": "NULL-SHA256", **TO_1_2}, "-cipher NULL-SHA256:@SECLEVEL=0", r"Cipher is NULL-SHA256"),
    ("openssl", {"ciphers": "aNULL+kECDHE", **TO_1_2}, "-cipher aNULL:@SECLEVEL=0", r"Cipher is AECDH-AES256-SHA"),
    ("tlslite", {"ciphers": "aNULL+kECDHE+AES", **TO_1_2}, "-cipher aNULL:@SECLEVEL=0", r"Cipher is AECDH-AES256-SHA"),
    ("tlslite", {"groups": ("dh1024",), "ciphers": "DHE+aRSA", **TO_1_2}, "-cipher DHE:@SECLEVEL=0", r"DH, 1024 bits"),
    ("stdlib", {"groups": ("dh1024",), "ciphers": "DHE+aRSA", **TO_1_2}, "-cipher DHE:@SECLEVEL=0", r"DH, 1024 bits"),
    (
        "tlslite",
        {"groups": ("dh512",), "ciphers": "DHE+aRSA", **TO_1_2},
        "-cipher DHE:@SECLEVEL=0",
        r"dh key too small",
    ),
    ("openssl", {"groups": ("P-521",)}, "", r"ECDH, secp521r1, 521 bits"),
    ("tlslite", {"groups": ("P-521",)}, "", r"ECDH, secp521r1, 521 bits"),
    ("openssl", {"signatures": ("RSA+SHA1",), **TO_1_2}, "-cipher DEFAULT:@SECLEVEL=0", r"signing digest: SHA1"),
    ("tlslite", {"signatures": ("RSA+SHA1",), **TO_1_2}, "-cipher DEFAULT:@SECLEVEL=0", r"signing digest: SHA1"),
    ("tlslite", {"minimum": "TLSv1", "maximum": "TLSv1"}, "-tls1 -cipher ALL:@SECLEVEL=0", r"Protocol  : TLSv1\n"),
    ("openssl", {"alpn": "h2"}, "-alpn imap", r"bad extension"),
    ("tlslite", {"alpn": "h2"}, "-alpn imap", r"bad extension"),
    ("openssl", {"alpn": "imap"}, "-alpn imap", r"ALPN protocol: imap"),
    ("openssl", {"alpn": ""}, "-alpn imap", r"no application protocol"),
    ("tlslite", {"alpn": ""}, "-alpn imap", r"no application protocol"),
)
"""Engine, what is asked of it, arguments for ``openssl s_client``, what that tells."""
GNUTLS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    (
        "tlslite",
        {"ciphers": "RC4-SHA", **TO_1_2},
        "NORMAL:+ARCFOUR-128:+RSA",
        r"\(TLS1.2\)-\(RSA\)-\(ARCFOUR-128\)-\(SHA1\)",
    ),
    ("tlslite", {"ciphers": "RC4-MD5", **TO_1_2}, "NORMAL:+ARCFOUR-128:+RSA:+MD5", r"\(ARCFOUR-128\)-\(MD5\)"),
    ("tlslite", {"ciphers": "DES-CBC3-SHA", **TO_1_2}, "NORMAL:+3DES-CBC:+RSA", r"\(RSA\)-\(3DES-CBC\)-\(SHA1\)"),
    ("tlslite", {"ciphers": "NULL-SHA256", **TO_1_2}, "NORMAL:+NULL:+RSA:+SHA256", r"\(RSA\)-\(NULL\)-\(SHA256\)"),
    ("tlslite", {"minimum": "TLSv1.1", "maximum": "TLSv1.1"}, "NORMAL:+VERS-TLS1.1", r"\(TLS1.1\)"),
    ("tlslite", {"suites": ("TLS_AES_128_CCM_8_SHA256",)}, "NORMAL:+AES-128-CCM-8", r"\(TLS1.3\).*\(AES-128-CCM-8\)"),
    ("openssl", {"suites": ("TLS_AES_128_CCM_8_SHA256",)}, "NORMAL:+AES-128-CCM-8", r"\(TLS1.3\).*\(AES-128-CCM-8\)"),
    ("openssl", {"groups": ("ffdhe2048",)}, "NORMAL", r"\(TLS1.3\)-\(DHE-FFDHE2048\)"),
    ("tlslite", {"groups": ("ffdhe2048",)}, "NORMAL", r"\(TLS1.3\)-\(DHE-FFDHE2048\)"),
    ("stdlib", {"groups": ("secp192r1",), **TO_1_2}, "NORMAL:+GROUP-SECP192R1", r"SECP192R1"),
    ("tlslite", {"groups": ("secp192r1",), **TO_1_2}, "NORMAL:+GROUP-SECP192R1", r"SECP192R1"),
)
"""The same with GnuTLS's priorities for ``gnutls-cli``."""


@pytest.fixture(scope="module")
def rsa(authority: trustme.CA) -> TlsSettings:
    """Return what a server with an RSA key presents."""
    leaf = authority.issue_cert(NAME, key_type=trustme.KeyType.RSA)
    return TlsSettings(
        certificate_chain=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
        private_key=leaf.private_key_pem.bytes(),
    )


def _serve(listener: socket.socket, engine: TlsEngine) -> None:
    """Greet one client inside TLS, and close."""
    connection, _ = listener.accept()
    engine.send(GREETING)
    with closing(connection):
        while not engine.peer_closed and engine.failure is None:
            data = connection.recv(1 << 16)
            if not data:
                return
            engine.receive(data)
            engine.decrypted()
            if engine.established:
                engine.shutdown()
            connection.sendall(engine.outgoing())


def _met(make: Callable[[], TlsEngine], command: list[str], home: Path) -> str:
    """Return what a program says to a server that it meets at the port that is filled in."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        server = threading.Thread(target=_serve, args=(listener, make()), daemon=True)
        server.start()
        done = subprocess.run(
            [argument.replace("PORT", port) for argument in command],
            cwd=home,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            input="",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        server.join(PATIENCE)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("engine", "asked", "arguments", "told"), OPENSSL)
def test_s_client(
    engine: str, asked: dict[str, Any], arguments: str, told: str, rsa: TlsSettings, tmp_path: Path
) -> None:
    """``openssl s_client`` finds what the settings ask for."""
    command = ["openssl", "s_client", "-ign_eof", "-connect", "127.0.0.1:PORT", *arguments.split()]
    output = _met(make_engines(engine, replace(rsa, **asked)), command, tmp_path)
    assert re.search(told, output), output


@pytest.mark.parametrize(("engine", "asked", "priority", "told"), GNUTLS)
def test_gnutls_cli(
    engine: str, asked: dict[str, Any], priority: str, told: str, rsa: TlsSettings, tmp_path: Path
) -> None:
    """``gnutls-cli`` finds what the settings ask for, and hears what is said then."""
    if shutil.which("gnutls-cli") is None:
        missing("gnutls-cli")
    command = ["gnutls-cli", "--insecure", "--priority", priority, "--port", "PORT", "127.0.0.1"]
    output = _met(make_engines(engine, replace(rsa, **asked)), command, tmp_path).replace("-X.509", "")
    assert re.search(told, output), output
    assert GREETING.decode().strip() in output
