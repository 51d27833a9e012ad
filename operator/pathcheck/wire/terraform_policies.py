"""Firewall policies of a Terraform plan: which one a resource is about, and what each holds once the plan is applied.

The resources are google_compute_firewall_policy (hierarchical), google_compute_network_firewall_policy and
google_compute_region_network_firewall_policy, each with its _rule, _association and _with_rules
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_network_firewall_policy and its neighbours).

A policy holds what the recording shows, with the changes of the plan. Of one that the recording does not show: a new policy has nothing
but the rules that the plan makes (and the API's four that hand on, which decide nothing), and of one that Terraform manages all rules
are taken to be in its state. Of any other nobody knows the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pathcheck.wire.compute import last_part
from pathcheck.wire.terraform_recording import Answer, Recorded, owner_of
from pathcheck.wire.terraform_resources import UNKNOWN, Plan, Resource
from pathcheck.wire.terraform_spelling import policy_rule

Raw = dict[str, Any]

_KIND = re.compile(r"google_compute_(|network_|region_network_)firewall_policy(|_rule|_association|_with_rules)")
_TYPES = {"": "HIERARCHY", "network_": "NETWORK", "region_network_": "NETWORK_REGIONAL"}
# The first of the four rules that every policy has (https://cloud.google.com/firewall/docs/firewall-policies#predefined_rules).
_PREDEFINED = 2147483644
_OTHER_NAMES = (
    "short_name",
    "policy_id",
    "firewall_policy_id",
    "network_firewall_policy_id",
    "region_network_firewall_policy_id",
)


@dataclass(frozen=True, slots=True)
class Key:
    """One policy: its type as the API's answer has it, its project and its region where it has one, and its name. That is a number of a
    hierarchical one, and the address of its resource as long as there is none.
    """

    type: str
    owner: str
    region: str
    name: str


def part_of(kind: str) -> tuple[str, str]:
    """The type of the policy that a resource is about, and what of it: `policy`, `rule`, `association` or `with_rules`; else nothing."""
    found = _KIND.fullmatch(kind)
    return (_TYPES[found[1]], found[2].removeprefix("_") or "policy") if found else ("", "")


def key_in(policy: Raw, answer: Answer) -> Key:
    """The policy that an answer shows."""
    type_ = str(policy.get("type"))
    owner = answer.network[0] if type_ in ("NETWORK", "NETWORK_REGIONAL") else ""
    return Key(type_, owner, answer.region if type_ == "NETWORK_REGIONAL" else "", str(policy.get("name")))


def region_of(type_: str, values: Raw, path: str) -> str | None:
    """The region, `""` of what is in none; None where neither the field nor the path in another says it."""
    if type_ != "NETWORK_REGIONAL":
        return ""
    text = values.get("region")
    if isinstance(text, str) and text:
        return last_part(text)
    found = re.search(r"regions/([^/]+)/", str(values.get(path)))
    return found[1] if found else None


class Policies:
    """Every policy of the plan and of the recording, as both are before anything is changed.

    `untold` are the changed rules of which it is not known what policy they are of.
    """

    def __init__(
        self, resources: Sequence[Resource], plan: Plan, recorded: Recorded, answers: Sequence[Answer]
    ) -> None:
        self._plan = plan
        self._recorded = recorded
        self._shown = {key_in(p, answer): p for answer in reversed(answers) for p in answer.policies}
        self._rules = {key: policy.get("rules") or [] for key, policy in self._shown.items()}
        holders = [r for r in resources if part_of(r.kind)[1] in ("policy", "with_rules")]
        self._managed = {self.key_of(r, r.after): r for r in holders if r.after is not None}
        self._left = {self.key_of(r, r.before) for r in holders if r.before is not None and r.changes and not _stays(r)}
        self.untold: list[tuple[Resource, str]] = []
        self._old: dict[Key, list[Raw]] = defaultdict(list)
        self._gone: dict[Key, list[object]] = defaultdict(list)
        self._new: dict[Key, list[Raw]] = defaultdict(list)
        for resource in resources:
            if part_of(resource.kind)[1] == "rule":
                self._note(resource)

    def _note(self, resource: Resource) -> None:
        """One rule, as it is and as it will be."""
        for side, values in (("before", resource.before), ("after", resource.after)):
            if values is None:
                continue
            key = self.referred(resource, values)
            if key is None and resource.changes:
                self.untold.append((resource, "which firewall policy it is of is not known before apply"))
            elif key is not None and side == "before":
                self._old[key].append(policy_rule(values))
                self._gone[key] += [values.get("priority")] if resource.changes else []
            elif key is not None and resource.changes:
                self._new[key].append(policy_rule(values))

    def key_of(self, resource: Resource, values: Raw | None) -> Key:
        """The policy that this resource is."""
        type_, _ = part_of(resource.kind)
        known = values or {}
        number = known.get("policy_id") or known.get("name") if type_ == "HIERARCHY" else known.get("name")
        name = number if isinstance(number, str) and number else resource.address
        if type_ == "HIERARCHY":
            return Key(type_, "", "", name)
        return Key(type_, owner_of(known, self._recorded), region_of(type_, known, "id") or "", name)

    def referred(self, resource: Resource, values: Raw) -> Key | None:
        """The policy whose rule or association this is; None where that cannot be told."""
        type_, _ = part_of(resource.kind)
        text = values.get("firewall_policy")
        if text == UNKNOWN:
            meant = self._plan.referred(resource, "firewall_policy")
            return self.key_of(meant, meant.after) if meant is not None and part_of(meant.kind)[0] == type_ else None
        if not isinstance(text, str):
            return None
        owner = self._recorded.network(text)[0] if "projects/" in text else owner_of(values, self._recorded)
        region, name = region_of(type_, values, "firewall_policy"), last_part(text)
        owner = "" if type_ == "HIERARCHY" else owner
        # Answers call hierarchical policies by their numbers, and all others by their names.
        if region is not None and name.isdigit() == (type_ == "HIERARCHY"):
            return Key(type_, owner, region, name)
        alike = [
            key
            for key in {**self._shown, **self._managed}
            if (key.type, key.owner) == (type_, owner) and region in (None, key.region) and name in self._names(key)
        ]
        return alike[0] if len(alike) == 1 else None

    def _names(self, key: Key) -> list[object]:
        """All that it may be called by."""
        after, shown = self._after(key), self._shown.get(key, {})
        return [key.name, *(after.get(name) for name in _OTHER_NAMES), shown.get("displayName"), shown.get("shortName")]

    def _after(self, key: Key) -> Raw:
        """The values of its own resource."""
        return (self._managed[key].after if key in self._managed else None) or {}

    def leaves(self, key: Key) -> bool:
        """Whether the policy that is there now is deleted, be it to be made anew."""
        return key in self._left

    def display(self, key: Key) -> str:
        """What people call it, if that is not its name."""
        name = self._after(key).get("short_name") or self._shown.get(key, {}).get("displayName")
        return name if isinstance(name, str) else ""

    def touched(self, key: Key) -> bool:
        """Whether the plan changes its rules."""
        managed = self._managed.get(key)
        whole = managed is not None and managed.changes and part_of(managed.kind)[1] == "with_rules"
        return whole or bool(self._gone[key] or self._new[key])

    def rules(self, key: Key) -> list[Raw] | str:
        """What it holds after the plan, or why nobody knows that."""
        managed = self._managed.get(key)
        shown = self._rules.get(key)
        if managed is not None and part_of(managed.kind)[1] == "with_rules" and (managed.changes or shown is None):
            own = self._after(key).get("rule") or []
            if own == UNKNOWN:
                return f"the rules of firewall policy {key.name} are known after apply"
            return [*map(policy_rule, own), *(rule for rule in shown or [] if _predefined(rule))]
        if managed is not None and managed.made:
            kept: list[Raw] = []
        elif shown is not None:
            kept = shown
        elif managed is not None:
            kept = self._old[key]
        else:
            return f"firewall policy {key.name} is neither in the recording nor in the plan, so its rules are not known"
        gone = [*self._gone[key], *(rule.get("priority") for rule in self._new[key])]
        return [*(rule for rule in kept if _priority(rule) not in gone), *self._new[key]]


def _stays(resource: Resource) -> bool:
    return resource.after is not None and not resource.replaced


def _priority(rule: object) -> object:
    return rule.get("priority") if isinstance(rule, dict) else None


def _predefined(rule: object) -> bool:
    priority = _priority(rule)
    return isinstance(priority, int) and priority >= _PREDEFINED
