"""Whether what a recipe says fits together: its labels are there, and one key does not contradict another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki.specification import LAB, Severity, Verdict
from labserver.tables import TableError, unknown

if TYPE_CHECKING:
    from labserver.pki.revocation import ResponseSpec
    from labserver.pki.specification import ChainSpec
    from labserver.tables import Key

__all__ = ["checked"]


def checked(spec: ChainSpec) -> ChainSpec:
    """Return the recipe if its labels exist, and its words fit together; raises TableError."""
    known = _labels(spec)
    if spec.leaf.key_of == "leaf":
        raise TableError(("leaf", "key_of"), "it has its own key; leave it out")
    for label in {one.issuer for one in (*spec.authorities.values(), spec.leaf)} & spec.authorities.keys():
        if spec.authorities[label].key == "x25519":
            raise TableError(("authorities", label, "key"), "a key for X25519 signs nothing, and another needs it to")
    places: dict[tuple[Key, ...], tuple[str, ...]] = {
        ("leaf", "issuer"): (spec.leaf.issuer,),
        ("leaf", "key_of"): (spec.leaf.key_of or "leaf",),
        ("wire",): spec.wire,
        ("anchors",): spec.anchors,
        ("proof",): (spec.proof,),
        ("client_anchors",): spec.client_anchors,
        **_revocation_labels(spec),
    }
    if not spec.wire:
        raise TableError(("wire",), "it is empty; name one certificate at least")
    for path, labels in places.items():
        for label in labels:
            if label not in known:
                raise TableError(path, _no_label(label, spec, known))
    return _fitting(spec)


def _labels(spec: ChainSpec) -> set[str]:
    """Return every label of the recipe, each of a certificate that can be made when its turn comes."""
    known = {"leaf", LAB}
    for label, certificate in spec.authorities.items():
        if label in known:
            raise TableError(("authorities", label), "this label is taken; choose another")
        if certificate.issuer == label and certificate.levels > 1:
            raise TableError(("authorities", label, "levels"), "several cannot sign themselves; name another issuer")
        if certificate.issuer not in {label, *known} - {"leaf"}:
            reason = _no_label(certificate.issuer, spec, {label, *known} - {"leaf"})
            raise TableError(("authorities", label, "issuer"), reason)
        if certificate.key_of and certificate.key_of not in known - {"leaf"}:
            raise TableError(("authorities", label, "key_of"), _no_label(certificate.key_of, spec, known - {"leaf"}))
        known.add(label)
    return known


def _no_label(label: str, spec: ChainSpec, known: set[str]) -> str:
    """Return what to say of a label that no certificate has, or one that comes later."""
    if label in spec.authorities:
        return f"the label {label} comes later: a certificate stands after the one that signs it"
    return unknown(label, sorted(known), what="label")


def _fitting(spec: ChainSpec) -> ChainSpec:
    """Return the recipe if its words fit together."""
    if (spec.verdict is Verdict.REJECT) is (spec.severity is Severity.NONE):
        raise TableError(("severity",), "must be given for what is to be rejected, and only for that")
    if (spec.anew or spec.other_for) and spec.own_anchor:
        key = "anew" if spec.anew else "other_for"
        raise TableError((key,), "it is for chains of the lab's CA: another root would be another fault")
    if spec.present != "rightly" and spec.engine != "tlslite":
        raise TableError(("present",), 'it needs engine = "tlslite"')
    if spec.staple is not None and (spec.asked != "status_request" or spec.engine not in {"openssl", "tlslite"}):
        raise TableError(("staple",), 'it needs asked = "status_request" and an engine that can: openssl or tlslite')
    if LAB in spec.responses:
        raise TableError(("responses", LAB), "it cannot be signed: the key of the lab's root is forgotten")
    if spec.delegation and (spec.asked, spec.engine) != ("delegated_credential", "tlslite"):
        raise TableError(("delegation",), 'it needs asked = "delegated_credential" and engine = "tlslite"')
    return spec


def _revocation_labels(spec: ChainSpec) -> dict[tuple[Key, ...], tuple[str, ...]]:
    """Return the labels that responses and lists name, by the keys where they stand."""
    responses: dict[tuple[Key, ...], ResponseSpec] = {
        ("responses", label): response for label, response in spec.responses.items()
    }
    if spec.staple is not None:
        responses["staple",] = spec.staple
    places: dict[tuple[Key, ...], tuple[str, ...]] = {
        ("responses",): tuple(spec.responses),
        ("lists",): tuple(spec.lists),
    }
    for path, response in responses.items():
        places[*path, "signer"] = (response.signer or "leaf",)
        places[*path, "certificates"] = response.certificates
    for label, one in spec.lists.items():
        places["lists", label, "signer"] = (one.signer or label,)
        places["lists", label, "revoked"] = one.revoked
    return places
