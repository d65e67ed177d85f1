"""What the lab publishes about its certificates: CRLs, CA certificates, OCSP. Questions in, answers out, no sockets.

``/crl/SCENARIO/LABEL.crl`` and ``/ca/SCENARIO/LABEL.crt`` are a CA's list and certificate, DER (RFC 5280 4.2.1.13 and
4.2.2.1); ``/ocsp/SCENARIO`` takes an OCSP request by POST, or by GET behind one more slash (RFC 6960 A.1).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.chain import Publications

__all__ = ["Answer", "Published"]

_READ = ("GET", "HEAD")
_LIST, _CERTIFICATE, _RESPONSE = "application/pkix-crl", "application/pkix-cert", "application/ocsp-response"
"""Media types (RFC 2585 4, RFC 6960 A.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: HTTPStatus
    media_type: str = "text/plain"
    body: bytes = b""
    allow: tuple[str, ...] = ()
    """The methods that there are instead (RFC 9110 10.2.1)."""


_NOT_FOUND = Answer(status=HTTPStatus.NOT_FOUND)


class Published:
    """Answers from what ``publications`` returns for a scenario's id: None if there is nothing."""

    def __init__(self, publications: Callable[[str], Publications | None]) -> None:
        self._publications = publications

    def answer(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Return the answer; ``path`` is as it was sent, percent-encoding included."""
        _, kind, scenario, name = (*path.split("/", 3), "", "", "")[:4]
        found = self._publications(scenario) if kind in {"crl", "ca", "ocsp"} else None
        if found is None:
            return _NOT_FOUND
        if kind == "ocsp":
            return _responded(found, method, name, body)
        label, _, ending = name.rpartition(".")
        files = {"crl.crl": (found.lists, _LIST), "ca.crt": (found.authorities, _CERTIFICATE)}
        known, media_type = files.get(f"{kind}.{ending}", ({}, ""))
        return _file(method, known.get(label), media_type)


def _file(method: str, content: bytes | None, media_type: str) -> Answer:
    if content is None:
        return _NOT_FOUND
    if method not in _READ:
        return Answer(status=HTTPStatus.METHOD_NOT_ALLOWED, allow=_READ)
    return Answer(status=HTTPStatus.OK, media_type=media_type, body=content)


def _responded(publications: Publications, method: str, encoded: str, body: bytes) -> Answer:
    """Answer an OCSP request: what was made in advance, or the protocol's error, which is no error of HTTP."""
    if method not in (*_READ, "POST"):
        return Answer(status=HTTPStatus.METHOD_NOT_ALLOWED, allow=(*_READ, "POST"))
    request = body if method == "POST" else _decoded(encoded)
    return Answer(status=HTTPStatus.OK, media_type=_RESPONSE, body=_response(publications, request))


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(unquote_to_bytes(encoded), validate=True)
    except binascii.Error:
        return b""


def _response(publications: Publications, request: bytes) -> bytes:
    """Return the OCSPResponse; a nonce is left out, as responses made in advance leave it (RFC 5019 4)."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- only when somebody asks
    from cryptography.x509 import ocsp  # noqa: PLC0415 -- only when somebody asks

    from labserver.pki import der  # noqa: PLC0415 -- the same
    from labserver.pki.ocsp import CertificateId, encode_unsuccessful  # noqa: PLC0415 -- the same

    try:
        asked = ocsp.load_der_ocsp_request(request)
        about = CertificateId(
            digest=asked.hash_algorithm.name,
            name_hash=asked.issuer_name_hash,
            key_hash=asked.issuer_key_hash,
            serial=der.contents(der.integer(asked.serial_number)),
        )
    except (ValueError, NotImplementedError, UnsupportedAlgorithm):  # the second: more than one certificate
        return encode_unsuccessful("malformed-request")
    return publications.responses.get(about) or encode_unsuccessful("unauthorized")  # RFC 5019 2.2.3
