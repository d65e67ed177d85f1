"""A JSON Schema of files of scenarios, for editors; what reads them (:mod:`labserver.catalogue.loader`) decides."""

from __future__ import annotations

from typing import Any

import msgspec

from labserver.catalogue.loader import Entry, Server
from labserver.misbehaviours.manual import describe, schema
from labserver.pki.recipe_schema import certificate_schema
from labserver.scenario import ALL
from labserver.services import SERVICES

__all__ = ["file_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{name}"


def file_schema() -> dict[str, Any]:
    """Return the schema: tables of scenarios by their ids, with their misbehaviours."""
    misbehaviour, definitions = schema(_REFERENCE)
    (entry,), own = msgspec.json.schema_components((Entry,), ref_template=_REFERENCE)
    certificate, tables = certificate_schema(_REFERENCE, describe)
    for kind in (Entry, Server):
        describe(own[kind.__name__], kind)
    own["Entry"]["properties"]["certificate"] = certificate
    own["Entry"]["properties"]["misbehaviours"] = {
        "type": "array",
        "items": misbehaviour,
        "description": "What the server does wrong; the last one is nearest to the client.",
    }
    own["Entry"]["properties"]["services"] |= {
        "items": {"enum": list(SERVICES)},
        "default": list(ALL),
    }
    return {
        "$schema": _DRAFT,
        "title": "Scenarios of labserver",
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 63},
        "additionalProperties": entry,
        "$defs": definitions | own | tables,
    }
