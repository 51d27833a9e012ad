"""A Terraform plan → the objects it is about, each as it is and as it will be.

The plan is what `terraform show -json` prints of one (https://developer.hashicorp.com/terraform/internals/json-format). Objects that do
not change are in it as well, as `no-op` and in `prior_state`; they say what a policy holds that nobody has recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pathcheck.wire.compute import shown
from pathcheck.wire.terraform_references import Configuration

Raw = dict[str, Any]
UNKNOWN = {"unavailable": "known after apply"}
"""Stands in the place of a value that is known after apply only; whoever reads the recording then says so."""

_ACTIONS = frozenset({"no-op", "create", "read", "update", "delete", "forget"})
# `dynamic` blocks are not in the configuration, so that of these nobody knows whether somebody wrote them.
_BLOCKS = frozenset(
    [
        "alias_ip_range",
        "allow",
        "deny",
        "layer4_config",
        "layer4_configs",
        "match",
        "network_interface",
        "rule",
        "service_account",
        "src_secure_tag",
        "src_secure_tags",
        "target_secure_tag",
        "target_secure_tags",
    ]
)


class NotAPlan(ValueError):  # noqa: N818 - it reads as what it says
    """The file is no plan that can be read; the message names the field."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One object: `before` is None for what the plan makes, `after` for what it takes away; both are there and the same where nothing
    `changes`. `kind` is its type, with `data.` before it where it is only looked up. `replaced`: the old one goes and a new one comes.
    """

    address: str
    kind: str
    before: Raw | None
    after: Raw | None
    changes: bool = False
    replaced: bool = False

    @property
    def made(self) -> bool:
        """Whether there is a new object, that holds nothing but what the plan puts into it."""
        return self.after is not None and (self.before is None or self.replaced)


@dataclass(frozen=True, slots=True)
class Plan:
    """All objects of a plan, those that only the state shows last; `odd` are sentences about changes that are not among them."""

    resources: tuple[Resource, ...]
    odd: tuple[tuple[Resource, str], ...]
    configuration: Configuration

    def referred(self, resource: Resource, key: str) -> Resource | None:
        """The one object to which this attribute of that resource refers; None where the configuration leaves a doubt."""
        address = self.configuration.referred(resource.address, key, [r.address for r in self.resources if r.after])
        return next((r for r in self.resources if r.address == address and r.after), None)


def plan_of(raw: Mapping[str, object]) -> Plan:
    """Every object of the plan.

    Raises NotAPlan.
    """
    version = raw.get("format_version")
    if str(version or "").partition(".")[0] not in ("0", "1"):
        raise NotAPlan(f"format_version: is {version!r}, expected 1.x: terraform show -json prints it")
    if raw.get("errored"):
        raise NotAPlan("errored: is true: Terraform could not plan to the end, so not all changes are here")
    if raw.get("resource_changes") is None and raw.get("planned_values") is None:
        raise NotAPlan("resource_changes: is missing: terraform show -json prints it of a plan, but not of a state")
    configuration = Configuration(raw)
    changes = _listed(raw, "resource_changes")
    found = [r for i, each in enumerate(changes) for r in _changed(each, f"resource_changes[{i}]", configuration)]
    told = {str(each.get(key)) for each in changes for key in ("address", "previous_address")}
    state = raw.get("prior_state")
    values = state.get("values") if isinstance(state, dict) else None
    root = values.get("root_module") if isinstance(values, dict) else None
    found += [resource for resource in _in_state(root) if resource.address not in told]
    return Plan(tuple(found), tuple(_odd(changes, _listed(raw, "deferred_changes"))), configuration)


def _odd(changes: Sequence[Raw], deferred: Sequence[Raw]) -> Iterator[tuple[Resource, str]]:
    for raw in changes:
        odd = sorted({shown(action) for action in raw["change"]["actions"]} - _ACTIONS)
        if odd:
            yield Resource(*_called(raw), None, None), f"its change is not understood: {', '.join(odd)}"
    for each in deferred:
        if isinstance(each.get("resource_change"), dict):
            yield Resource(*_called(each["resource_change"]), None, None), "its change is put off to a later plan"


def _called(raw: Raw) -> tuple[str, str]:
    """Address and kind."""
    return str(raw.get("address")), f"{'data.' if raw.get('mode') == 'data' else ''}{raw.get('type')}"


def _listed(raw: Mapping[str, object], key: str) -> list[Raw]:
    value = raw.get(key)
    if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
        raise NotAPlan(f"{key}: must be a list{' of objects' if isinstance(value, list) else ''}")
    return value or []


def _changed(raw: Raw, place: str, configuration: Configuration) -> Iterator[Resource]:
    """One object; two where an old one stays behind when the new one is made."""
    change = raw.get("change")
    actions = change.get("actions") if isinstance(change, dict) else None
    if not isinstance(change, dict) or not isinstance(actions, list):
        raise NotAPlan(f"{place}.change.actions: must be a list")
    address, kind = _called(raw)
    before = _values(change.get("before"), f"{shown(address)}: change.before")
    after = _values(change.get("after"), f"{shown(address)}: change.after")
    unknown = change.get("after_unknown")
    if after is None and ("create" in actions or "update" in actions):
        after = {}  # nothing of it is known
    if after is not None and isinstance(unknown, dict):
        after = _planned(after, unknown, configuration.written(address))
        _completed(after, unknown, address, configuration)
        _values(after, f"{shown(address)}: change.after")
    deposed = f" (deposed {shown(raw['deposed'])})" if raw.get("deposed") else ""
    # "When set to ABANDON, the command will remove the resource from Terraform management without updating or deleting the resource
    # in the API": the provider's pages, of deletion_policy.
    stays = "forget" in actions or ("delete" in actions and (before or {}).get("deletion_policy") == "ABANDON")
    if stays and before is not None:
        yield Resource(f"{address} (left alone)", kind, before, before)
        if "create" in actions:
            yield Resource(address, kind, None, after, changes=True)
    elif any(action in actions for action in ("create", "update", "delete")):
        stood = before if "update" in actions or "delete" in actions else None
        comes = after if "update" in actions or "create" in actions else None
        replaced = stood is not None and "create" in actions
        yield Resource(f"{address}{deposed}", kind, stood, comes, changes=True, replaced=replaced)
    else:
        yield Resource(f"{address}{deposed}", kind, after or before, after or before)


def _in_state(module: object) -> Iterator[Resource]:
    if not isinstance(module, dict):
        return
    for raw in _listed(module, "resources"):
        address, kind = _called(raw)
        values = _values(raw.get("values"), f"prior_state: {shown(address)}: values")
        yield Resource(address, kind, values, values)
    for child in _listed(module, "child_modules"):
        yield from _in_state(child)


def _values(value: object, place: str) -> Raw | None:
    """An object whose blocks are lists of objects, or null."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise NotAPlan(f"{place}: must be an object")
    for key in _BLOCKS & value.keys():
        blocks = value[key]
        if blocks is None or blocks == UNKNOWN:
            continue
        if not isinstance(blocks, list):
            raise NotAPlan(f"{place}.{key}: must be a list")
        for index, block in enumerate(blocks):
            if _values(block, f"{place}.{key}[{index}]") is None:
                raise NotAPlan(f"{place}.{key}[{index}]: must be an object")
    return value


def _planned(value: Any, unknown: object, written: object) -> Any:
    """What will be, UNKNOWN where it is known after apply. What nobody wrote is the API's to say, and is left out.

    `unknown` has the form of `value`, true in the place of what is not known; `written` are the expressions of the configuration.
    """
    if unknown is True or (isinstance(unknown, list) and any(flag is True for flag in unknown)):
        return UNKNOWN
    if isinstance(value, list) and isinstance(unknown, list):
        whole = isinstance(written, list) and len(written) == len(value)
        each = zip_longest(value, unknown[: len(value)], written if isinstance(written, list) and whole else ())
        return [_planned(*parts) for parts in each]
    if not isinstance(value, dict) or not isinstance(unknown, dict):
        return value
    merged = dict(value)
    # One expression for all of it says nothing of its parts.
    parts = written if isinstance(written, dict) and not written.keys() <= {"references", "constant_value"} else None
    for key, flag in unknown.items():
        if flag is True and parts is not None and key not in parts and key not in _BLOCKS:
            merged.pop(key, None)
        elif flag:
            merged[key] = _planned(merged.get(key), flag, (parts or {}).get(key))
    return merged


def _completed(after: Raw, unknown: Raw, address: str, configuration: Configuration) -> None:
    """Project and region that nobody wrote are the provider's, where its configuration says them."""
    for key in ("project", "region"):
        value = configuration.of_provider(address, key) if key not in after and unknown.get(key) is True else None
        if value is not None:
            after[key] = value
