"""wire/crds.py: what of JSON schema is said in a structural schema, and what is refused."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, StringConstraints

from pathcheck.wire.crds import DEFINITIONS, definition, structural


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


class Inner(BaseModel):
    """An inner thing."""

    colour: Colour = Field(default=Colour.RED, description="Its colour.")
    kind: Literal["Pod"] = "Pod"


class Spec(BaseModel):
    """What is wanted."""

    inner: Inner = Field(default=Inner(), description="The inner thing.")
    maybe: Inner | None = Field(default=None, description="Another one, perhaps.")
    port: int | None = Field(default=None, ge=1, le=65535)
    names: list[Annotated[str, StringConstraints(max_length=9)]] = Field(
        default=[], max_length=3, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    labels: dict[str, int] = {}
    words: str = ""


class Status(BaseModel):
    """What holds."""

    count: int = 7


class Thing(BaseModel):
    """A thing."""

    spec: Spec
    status: Status | None = None


def test_structural() -> None:
    """References are written out, null goes, bounds stay, defaults stay where they are the user's and say something."""
    inner = {
        "type": "object",
        "properties": {
            "colour": {"description": "Its colour.", "type": "string", "enum": ["Red", "Blue"], "default": "Red"},
            "kind": {"type": "string", "enum": ["Pod"], "default": "Pod"},
        },
    }
    schema = structural(Thing)
    assert schema["properties"]["spec"] == {
        "description": "What is wanted.",
        "type": "object",
        "properties": {
            "inner": inner | {"description": "The inner thing.", "default": {"colour": "Red", "kind": "Pod"}},
            "maybe": inner | {"description": "Another one, perhaps."},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "names": {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "string", "maxLength": 9},
                "x-kubernetes-list-type": "set",
            },
            "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
            "words": {"type": "string"},
        },
    }
    assert schema["properties"]["status"] == {
        "description": "What holds.",
        "type": "object",
        "properties": {"count": {"type": "integer"}},
    }


class Union(BaseModel):
    """Says two things at once."""

    either: int | str


class Odd(BaseModel):
    """Asks for what a structural schema has no word for."""

    number: int = Field(multiple_of=3)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Union, "spec.either: a union of 2 types cannot be said in a structural schema"),
        (Odd, "spec.number: multipleOf cannot be said in a structural schema"),
    ],
)
def test_refused(model: Any, sentence: str) -> None:
    """What cannot be said is an error that names the field, never left out."""
    resource = type("R", (BaseModel,), {"__doc__": "R.", "__annotations__": {"spec": model, "status": Status}})
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        structural(resource)


@pytest.mark.parametrize("plural", sorted(DEFINITIONS))
def test_fields_are_explained(plural: str) -> None:
    """`kubectl explain` says something about every field of every resource."""

    def unexplained(node: dict[str, Any], path: str) -> list[str]:
        missing = [] if node.get("description") else [path]
        return missing + [
            p for name, child in node.get("properties", {}).items() for p in unexplained(child, f"{path}.{name}")
        ]

    version = definition(plural)["spec"]["versions"][0]
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    own = fields.keys() - {"apiVersion", "kind", "metadata"}
    assert [p for part in sorted(own) for p in unexplained(fields[part], part)] == []


@pytest.mark.parametrize("plural", sorted(DEFINITIONS))
def test_lists_are_bounded(plural: str) -> None:
    """Every list, map and string under a CEL rule is bounded, or the API server's cost estimate would refuse the definition."""

    def unbounded(node: dict[str, Any], path: str) -> list[str]:
        found = [path] if node.get("type") == "array" and "maxItems" not in node else []
        found += [path] if "additionalProperties" in node and "maxProperties" not in node else []
        children = {f"{path}.{name}": child for name, child in node.get("properties", {}).items()}
        if "items" in node:
            children[f"{path}[]"] = node["items"]
        return found + [p for name, child in children.items() for p in unbounded(child, name)]

    schema = definition(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    own = schema["properties"].keys() - {"apiVersion", "kind", "metadata"}
    assert [p for part in sorted(own) for p in unbounded(schema["properties"][part], part)] == []
