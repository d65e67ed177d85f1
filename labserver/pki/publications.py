"""What the CAs of a recipe say about revocation: a staple, CRLs, responses, made while their keys are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.pki.chain import Publications
from labserver.pki.crl import encode_list
from labserver.pki.ocsp import CertificateId, encode_response
from labserver.pki.revocation import DIGESTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from labserver.pki.made import Made
    from labserver.pki.revocation import ResponseSpec
    from labserver.pki.specification import ChainSpec

__all__ = ["published", "stapled"]


def stapled(spec: ChainSpec, made: Mapping[str, Made], now: datetime) -> bytes | None:
    """Return what is stapled to the leaf; None for nothing."""
    return None if spec.staple is None else _response(spec.staple, "leaf", spec, made, now)


def published(spec: ChainSpec, made: Mapping[str, Made], now: datetime) -> Publications:
    """Return what can be fetched."""
    lists = {
        label: encode_list(
            one,
            authority=made[label],
            signer=made[one.signer or label],
            revoked=[made[revoked].serial for revoked in one.revoked],
            now=now,
        )
        for label, one in spec.lists.items()
    }
    responses = {}
    for label, response in spec.responses.items():
        for digest in DIGESTS:  # a request may name the issuer by either
            about = CertificateId.of(made[label].serial, made[_issuer(label, spec)], digest)
            responses[about] = _response(replace(response, digest=digest), label, spec, made, now)
    authorities = {label: one.certificate for label, one in made.items() if label != "leaf"}
    return Publications(lists=lists, authorities=authorities, responses=responses)


def _response(response: ResponseSpec, label: str, spec: ChainSpec, made: Mapping[str, Made], now: datetime) -> bytes:
    """Return an OCSP response about the certificate with that label."""
    return encode_response(response, serial=made[label].serial, issuer=_issuer(label, spec), made=made, now=now)


def _issuer(label: str, spec: ChainSpec) -> str:
    return spec.leaf.issuer if label == "leaf" else spec.authorities[label].issuer
