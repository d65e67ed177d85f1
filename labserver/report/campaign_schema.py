"""The JSON Schema of a campaign's report."""

from __future__ import annotations

import dataclasses
from typing import Any

from labserver.events import TlsFacts
from labserver.report.document import SCHEMA
from labserver.report.evidence_json import KINDS
from labserver.report.standing import Standing
from labserver.scenario import Expectation, Severity
from labserver.services import SERVICES
from labserver.verdicts.canary import Exposure
from labserver.verdicts.finding import Outcome, Revocation
from labserver.verdicts.policy import Policy
from labserver.verdicts.rules import RULES
from labserver.verdicts.subject import Subject

__all__ = ["campaign_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_SECONDS: dict[str, Any] = {"type": "number", "minimum": 0, "description": "In seconds."}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_TYPES: dict[str, dict[str, Any]] = {
    "str": _TEXT,
    "bytes": _TEXT,
    "int": {"type": "integer"},
    "bool": _FLAG,
    "float": {"type": "number"},
    "tuple[str, ...]": _TEXTS,
    "Mapping[str, object]": {"type": "object"},
    "Expectation": {"enum": [*Expectation]},
    "Severity": {"enum": [*Severity]},
}
"""What the annotations of fields are in JSON."""


def campaign_schema(*, closed: bool = False) -> dict[str, Any]:
    """Return the schema; ``closed`` allows no field that it does not name, and later versions may have more."""
    made = _Maker(closed=closed)
    return {
        "$schema": _DRAFT,
        "title": "Report of labserver check",
        **made.table(
            schema={"const": SCHEMA},
            labserver=_described(_TEXT, "The version that ran it."),
            judged_by=_described(_TEXT, "The version that judged it."),
            versions={"type": "object", "additionalProperties": _TEXT},
            started=_described(_TEXT, "When it began, in ISO 8601; empty if that is not known."),
            seconds=_SECONDS,
            client=_described(_TEXTS, "The command line, its placeholders unfilled."),
            terms=made.terms(),
            interrupted=_described(_FLAG, "Cases are missing that were asked for."),
            exit_code={"enum": [0, 1, 3, 130]},
            sums={"type": "object", "propertyNames": {"enum": [*Outcome]}, "additionalProperties": _COUNT},
            controls={"type": "array", "items": {"$ref": "#/$defs/case"}},
            cases={"type": "array", "items": {"$ref": "#/$defs/case"}},
        ),
        "$defs": {
            "case": made.case(),
            "finding": made.finding(),
            "session": made.session(),
            "event": {"oneOf": [made.event(kind) for kind in KINDS.values()]},
        },
    }


class _Maker:
    def __init__(self, *, closed: bool) -> None:
        self._closed = {"additionalProperties": False} if closed else {}

    def table(self, *optional: str, **properties: dict[str, Any]) -> dict[str, Any]:
        required = [name for name in properties if name not in optional]
        return {"type": "object", "properties": properties, "required": required, **self._closed}

    def terms(self) -> dict[str, Any]:
        expected = self.table(case=_TEXT, verdict={"enum": [*Outcome]}, rules=_TEXTS, reason=_TEXT)
        return self.table(
            patience=_SECONDS,
            bound=_SECONDS,
            revocation={"enum": [*Revocation]},
            disputed_fails=_FLAG,
            fail_on={"enum": [*Severity]},
            expected={"type": "array", "items": expected},
        )

    def _verdict(self) -> dict[str, Any]:
        return {
            "verdict": {"enum": [*Outcome]},
            "severity": {"enum": [*Severity, None], "description": "The worst of what the verdict rests on."},
            "reason": _TEXT,
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
        }

    @staticmethod
    def _client() -> dict[str, Any]:
        return {
            "ended": _or_null(_TEXT),
            "exit_code": _or_null(_COUNT),
            "signal": _or_null(_COUNT),
            "seconds": _or_null(_SECONDS),
            "output": _or_null(_TEXT),
        }

    def case(self) -> dict[str, Any]:
        sessions = {"type": "array", "items": {"$ref": "#/$defs/session"}}
        attempt = self.table(**self._verdict(), **self._client(), timed_out=_FLAG, sessions=sessions)
        return self.table(
            case=_TEXT,
            scenario=_TEXT,
            service={"enum": [*SERVICES]},
            policy={"enum": [*Policy]},
            **self._verdict(),
            counts={"enum": [*Standing], "description": "How it counts for the exit code."},
            runs=self.table(times=_COUNT, of=_COUNT, planned=_COUNT),
            **self._client(),
            transcript=_TEXTS,
            subject=self.table(**{field.name: _TYPES[str(field.type)] for field in dataclasses.fields(Subject)}),
            control=_or_null(sessions),
            attempts={"type": "array", "items": attempt},
        )

    def finding(self) -> dict[str, Any]:
        return self.table(
            rule={"enum": [*RULES]},
            clause=_described(_TEXT, "What asks for it."),
            severity={"enum": [*Severity]},
            outcome={"enum": [*Outcome]},
            what=_TEXT,
            evidence=_or_null(self.table(session=_COUNT, event=_COUNT, at=_SECONDS, line=_TEXT)),
        )

    def session(self) -> dict[str, Any]:
        return self.table(
            number=_COUNT,
            started=_TEXT,
            elided=_described(_COUNT, "Events left out of a flood, because they told nothing new."),
            events={"type": "array", "items": {"$ref": "#/$defs/event"}},
        )

    def event(self, kind: type) -> dict[str, Any]:
        secret = self.table(exposure={"enum": [one.name.lower() for one in Exposure]}, form=_TEXT, secure=_FLAG)
        properties: dict[str, dict[str, Any]] = {"event": {"const": kind.__name__}}
        for field in dataclasses.fields(kind):
            if field.name != "masked":
                properties[field.name] = self._facts() if field.type == "TlsFacts" else _TYPES[str(field.type)]
        return self.table("secret", **properties, secret=secret)

    def _facts(self) -> dict[str, Any]:
        return self.table(**{field.name: _TYPES[str(field.type)] for field in dataclasses.fields(TlsFacts)})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}
