"""What all our resources' pydantic models share: spelling, names, the group, CEL beside a rule, and problems with a field's path."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from pathcheck.model.firewall import Problem

GROUP = "pathcheck.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

# RFC 1123 subdomain: what Kubernetes accepts as an object's name; it also keeps control characters out of our sentences.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$", max_length=317)]
LabelValue = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]


def cel(rule: str, message: str, field: str = "") -> JsonDict:
    """One entry of x-kubernetes-validations (https://kubernetes.io/docs/reference/using-api/cel/).

    `field` is the one below that the API server is to name, where the rule looks at several.
    """
    path: JsonDict = {"fieldPath": f".{field}"} if field else {}
    return {"rule": rule, "message": message} | path


class Wire(BaseModel):
    """camelCase outside, snake_case inside; an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)


class ProtocolName(StrEnum):
    UDP = "UDP"
    TCP = "TCP"
    ICMP = "ICMP"


def problems_of(error: ValidationError, root: str = "spec") -> tuple[Problem, ...]:
    """pydantic's locations in Kubernetes' notation: `spec.traffic[0].port`."""
    return tuple(
        Problem(
            root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in e["loc"]),
            e["msg"].removeprefix("Value error, "),
        )
        for e in error.errors(include_url=False)
    )
