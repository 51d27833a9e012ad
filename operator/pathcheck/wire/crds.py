"""pydantic models → CustomResourceDefinitions; `python -m pathcheck.wire.crds pathchecks` prints one, `make crds` keeps crds/ so.

A structural schema is less than JSON schema (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
no $ref, no unions, no additionalProperties beside properties, and an unknown field is pruned or refused without being told to be.
What cannot be said there is an error here, never silently weaker.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from pathcheck.wire.firewall_changes import FirewallChangeResource
from pathcheck.wire.path_checks import PathCheckResource
from pathcheck.wire.path_probes import PathProbeResource
from pathcheck.wire.schema import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; `priority` 1 shows it with -o wide only."""

    name: str
    type: str
    json_path: str
    description: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CustomResourceDefinition says beside its schema."""

    kind: str
    plural: str
    scope: str
    short_names: tuple[str, ...]
    model: type[BaseModel]
    columns: tuple[Column, ...]


def _condition(type_: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


_AGE = Column("Age", "date", ".metadata.creationTimestamp", "When it was created.")

DEFINITIONS = {
    d.plural: d
    for d in (
        Definition(
            kind="PathCheck",
            plural="pathchecks",
            scope="Cluster",
            short_names=("pchk",),
            model=PathCheckResource,
            columns=(
                Column("Ready", "string", _condition("Ready", "status"), "The summary."),
                Column("Reason", "string", _condition("Upheld", "reason"), "Why it is upheld, violated or unknown."),
                Column("Violated", "integer", ".status.flows.violated", "Flows that are not as expected."),
                Column("Asked", "integer", ".status.flows.asked", "Flows this check asks about."),
                Column("Changed", "date", _condition("Upheld", "lastTransitionTime"), "When Upheld last changed."),
                _AGE,
                Column("Message", "string", _condition("Upheld", "message"), "The sentence.", priority=1),
            ),
        ),
        Definition(
            kind="PathProbe",
            plural="pathprobes",
            scope="Namespaced",
            short_names=("pprb",),
            model=PathProbeResource,
            columns=(
                Column("Address", "string", ".status.podIP", "The address from which the probe dials."),
                Column("Reported", "date", ".status.time", "When the probe last reported."),
                _AGE,
            ),
        ),
        Definition(
            kind="FirewallChange",
            plural="firewallchanges",
            scope="Namespaced",
            short_names=("fwc",),
            model=FirewallChangeResource,
            columns=(
                Column("Number", "integer", ".number", "Counts up."),
                Column("Noticed", "date", ".noticed", "How long ago it was noticed."),
                Column("Who", "string", ".who", "Who made it, as the cloud's audit log has it."),
                Column("What", "string", ".summary", "The edits."),
                Column("Closes", "string", ".closes", "What is permitted no longer.", priority=1),
            ),
        ),
    )
}


def definition(plural: str) -> dict[str, Any]:
    """The CustomResourceDefinition as the API server takes it."""
    d = DEFINITIONS[plural]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{d.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": d.scope,
            "names": {
                "kind": d.kind,
                "listKind": f"{d.kind}List",
                "plural": d.plural,
                "singular": d.kind.lower(),
                "shortNames": list(d.short_names),
                # Not "pathcheck": kubectl would take `kubectl get pathcheck NAME` for the category and refuse the name.
                "categories": ["pathcheck-all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": {"status": {}}} if "status" in d.model.model_fields else {}),
                    "additionalPrinterColumns": [_column(c) for c in d.columns],
                    "schema": {"openAPIV3Schema": structural(d.model)},
                }
            ],
        },
    }


def text(plural: str) -> str:
    """What is committed in crds/."""
    head = f"# Generated from {DEFINITIONS[plural].model.__module__} by `make crds`; do not edit.\n"
    return head + yaml.dump(definition(plural), Dumper=_Plain, sort_keys=False, width=160, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Writes the same thing twice where it stands twice: people read this file, and an alias would send them searching."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a whole resource: `model` has `spec` and `status`, or facts without either; the rest is Kubernetes' own.

    Defaults outside of `spec` are left out: what the operator did not say must not look as if it had.

    Raises ValueError for a schema that cannot be structural, naming the field.
    """
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    own = {name: field for name, field in schema["properties"].items() if name not in _KUBERNETES}
    return {
        "type": "object",
        "description": schema["description"],
        "required": [name for name in schema["required"] if name in own and name != "status"],
        "properties": _KUBERNETES
        | {name: _field(field, definitions, name, defaults=name == "spec") for name, field in own.items()},
    }


_KUBERNETES: dict[str, Any] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}

# What JSON schema and structural schemas say in the same words.
_SAME = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
# Said in other words (handled below), or of no use to the API server: the keys' own pattern cannot be said there, `extra="forbid"`
# is what the API server does anyway.
_OTHER = frozenset(
    {
        "const",
        "default",
        "items",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "title",
    }
)


def _field(node: Mapping[str, Any], definitions: Mapping[str, Any], where: str, *, defaults: bool) -> dict[str, Any]:
    node = _resolved(node, definitions, where)
    unknown = [key for key in node if key not in _SAME and key not in _OTHER and not key.startswith("x-kubernetes-")]
    if unknown:
        raise ValueError(f"{where}: {', '.join(unknown)} cannot be said in a structural schema")
    out = {key: node[key] for key in _SAME if key in node}
    if "const" in node:
        out["enum"] = [node["const"]]
    if "items" in node:
        out["items"] = _field(node["items"], definitions, f"{where}[]", defaults=defaults)
    if "properties" in node:
        out["properties"] = {
            name: _field(child, definitions, f"{where}.{name}", defaults=defaults)
            for name, child in node["properties"].items()
        }
    for values in _map_values(node):
        out["additionalProperties"] = _field(values, definitions, f"{where}.*", defaults=defaults)
    # An absent value and an empty one mean the same everywhere here, so that an empty default would only be noise in every object.
    if defaults and node.get("default") not in (None, "", [], {}):
        out["default"] = node["default"]
    return out | {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}


def _map_values(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema of a map's values; pydantic writes it under the keys' pattern where they have one."""
    values = list(node.get("patternProperties", {}).values())
    if isinstance(node.get("additionalProperties"), Mapping):
        values.append(node["additionalProperties"])
    return values


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Without $ref and without pydantic's `X or null`; what stands beside them is the more particular and wins."""
    if "anyOf" in node:
        others = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
        if len(others) != 1:
            raise ValueError(f"{where}: a union of {len(others)} types cannot be said in a structural schema")
        beside = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved(others[0] | beside, definitions, where)
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _resolved(target, definitions, where) | beside
    return dict(node)


def _column(column: Column) -> dict[str, Any]:
    said = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.json_path,
        "description": column.description,
    }
    return said | ({"priority": column.priority} if column.priority else {})


if __name__ == "__main__":
    sys.stdout.write(text(sys.argv[1]))
