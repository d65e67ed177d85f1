"""Claims about what is published: the very octets, under their names only, and OCSP's own errors for its requests."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from labserver.clock import FixedClock, SeededEntropy
from labserver.pki.ocsp import encode_unsuccessful
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge_spec
from labserver.pki.trustme_issuer import TrustmeIssuer
from labserver.servers.published import Answer, Published

if TYPE_CHECKING:
    from labserver.pki.chain import Chain, Publications


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Return a chain whose CAs publish CRLs and OCSP responses."""
    clock = FixedClock()
    return forge_spec(
        all_recipes()["revoked"],
        issuer=TrustmeIssuer(clock=clock),
        entropy=SeededEntropy("published"),
        now=clock.now(),
        host="revoked.lab.test",
        names=(),
        http="http://127.0.0.1:3080",
    )


@pytest.fixture(scope="module")
def published(chain: Chain) -> Published:
    """Return what is published where that chain is the only one."""
    found: dict[str, Publications] = {"revoked": chain.publications}
    return Published(found.get)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_files(published: Published, chain: Chain, method: str) -> None:
    """A CA's CRL and certificate are under its label, with their media types."""
    (issuer,) = chain.intermediates
    root, crl = chain.crls
    answers = {
        "/crl/revoked/intermediate.crl": Answer(status=HTTPStatus.OK, media_type="application/pkix-crl", body=crl),
        "/crl/revoked/root.crl": Answer(status=HTTPStatus.OK, media_type="application/pkix-crl", body=root),
        "/ca/revoked/intermediate.crt": Answer(status=HTTPStatus.OK, media_type="application/pkix-cert", body=issuer),
    }
    assert {path: published.answer(method, path) for path in answers} == answers


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/crl",
        "/crl/",
        "/crl/revoked",
        "/crl/revoked/",
        "/crl/revoked/intermediate",
        "/crl/revoked/intermediate.crt",
        "/crl/revoked/../revoked/intermediate.crl",
        "/crl/revoked/intermediate.crl/",
        "/crl/revoked/leaf.crl",
        "/crl/expired/intermediate.crl",
        "/ca/revoked/intermediate.crl",
        "/ca/revoked/leaf.crt",
        "/keys/revoked/leaf.pem",
        "/ocsp",
        "/ocsp/expired",
        "http://127.0.0.1:3080/crl/revoked/intermediate.crl",
    ],
)
def test_nothing_else(published: Published, path: str) -> None:
    """There is nothing else, no listing either."""
    assert published.answer("GET", path) == Answer(status=HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_methods(published: Published, method: str) -> None:
    """Other methods are refused with those that there are."""
    refused = published.answer(method, "/crl/revoked/intermediate.crl")
    assert refused == Answer(status=HTTPStatus.METHOD_NOT_ALLOWED, allow=("GET", "HEAD"))
    if method != "POST":
        assert published.answer(method, "/ocsp/revoked").allow == ("GET", "HEAD", "POST")


def _request(chain: Chain, algorithm: hashes.HashAlgorithm, serial: int | None = None) -> bytes:
    leaf, issuer = map(x509.load_der_x509_certificate, chain.certificates)
    named = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, algorithm).build()
    again = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        named.issuer_name_hash, named.issuer_key_hash, serial or leaf.serial_number, algorithm
    )
    return again.add_extension(x509.OCSPNonce(b"12345678"), critical=False).build().public_bytes(Encoding.DER)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])  # noqa: S303 -- it names an issuer
def test_ocsp(published: Published, chain: Chain, algorithm: hashes.HashAlgorithm) -> None:
    """A request by POST, or by GET however encoded, gets the response that names the issuer in the same way."""
    request = _request(chain, algorithm)
    encoded = base64.b64encode(request).decode()
    answers = {
        published.answer("POST", "/ocsp/revoked", request),
        published.answer("POST", "/ocsp/revoked/", request),
        published.answer("GET", f"/ocsp/revoked/{encoded}"),
        published.answer("GET", f"/ocsp/revoked/{quote(encoded, safe='')}"),
    }
    (answer,) = answers
    assert (answer.status, answer.media_type) == (HTTPStatus.OK, "application/ocsp-response")
    response, leaf = ocsp.load_der_ocsp_response(answer.body), x509.load_der_x509_certificate(chain.leaf)
    assert response.serial_number == leaf.serial_number
    assert response.hash_algorithm.name == algorithm.name
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("request_", [b"", b"nonsense", b"\x30\x00", b"\x30\x84\xff\xff\xff\xff", bytes(8192)])
def test_malformed_requests(published: Published, request_: bytes) -> None:
    """What is no request is answered so, as OCSP has it."""
    told = Answer(
        status=HTTPStatus.OK, media_type="application/ocsp-response", body=encode_unsuccessful("malformed-request")
    )
    assert published.answer("POST", "/ocsp/revoked", request_) == told
    assert published.answer("GET", "/ocsp/revoked/" + base64.b64encode(request_).decode()) == told
    assert published.answer("GET", "/ocsp/revoked/%%%") == told


@pytest.mark.parametrize("serial", [1, 2**160 - 1])
def test_other_certificates(published: Published, chain: Chain, serial: int) -> None:
    """Of another certificate nothing is known (RFC 5019 2.2.3)."""
    request = _request(chain, hashes.SHA1(), serial)  # noqa: S303 -- it names an issuer
    assert published.answer("POST", "/ocsp/revoked", request).body == encode_unsuccessful("unauthorized")
