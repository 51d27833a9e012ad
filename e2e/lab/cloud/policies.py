"""The verbs on firewall policies and their rules: global, regional and hierarchical ones alike.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/networkFirewallPolicies, regionNetworkFirewallPolicies and
firewallPolicies. Where a policy is, its path says: `global/firewallPolicies/p`, `regions/r/firewallPolicies/p`, and, of
an organization or a folder, `locations/global/firewallPolicies/123`. A rule that is not there is 400 and not
404 on the real API; sentences that are not public follow its pattern.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from typing import Any

from e2e.lab.cloud import fields, policy_rules
from e2e.lab.cloud.changes import Changes
from e2e.lab.cloud.errors import ApiError, already_exists, invalid, not_found, required
from e2e.lab.cloud.store import ORGANIZATIONAL, Json, Store, new_fingerprint, new_id

COLLECTION = "firewallPolicies"

_OUTPUT_ONLY = ("kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "region", "parent", "ruleTupleCount")
_TYPES: fields.Types = {
    **dict.fromkeys(
        ("name", "shortName", "displayName", "description", "fingerprint", "policyType", *_OUTPUT_ONLY[:-1]), str
    ),
    **dict.fromkeys(("rules", "associations", "packetMirroringRules"), list),
    "ruleTupleCount": int,
}
# Of an organization or a folder.
_NODE = r"(?:organizations|folders)/[0-9]+"


class Policies:
    """The firewall policies that can be changed. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, changes: Changes, groups: Collection[str], taken: Collection[str]) -> None:
        """`groups` are the address groups that there are; `taken` names of policies that the seed has as answers only."""
        self._store = store
        self._changes = changes
        self._groups = groups
        self._taken = taken

    def insert(self, parent: str, body: Any, parent_id: str | None = None) -> Json:
        """The operation that created a policy in `parent` (`regions/r/firewallPolicies`).

        Args:
            parent: path of the collection.
            body: its name (of a hierarchical one its shortName), description and rules.
            parent_id: `organizations/1` or `folders/1` for a hierarchical one.

        Raises:
            ApiError: 400, 409, 413.
        """
        place = parent.rpartition("/")[0]
        if place.startswith("regions/") and self._store.get(place) is None:
            raise not_found(self._store.full_name(place))
        given = fields.given(fields.typed(body, _TYPES), *_OUTPUT_ONLY, "fingerprint")
        for field in ("associations", "packetMirroringRules"):
            if field in given:
                raise invalid(f"resource.{field}", given[field], "The emulator takes none at insert.")
        if given.get("policyType", "VPC_POLICY") != "VPC_POLICY":
            raise invalid("resource.policyType", given["policyType"], "The emulator has VPC_POLICY only.")
        hierarchical = parent.startswith(ORGANIZATIONAL)
        rules = [self._rule(rule, hierarchical=hierarchical) for rule in given.get("rules", [])]
        _check_priorities(rules)
        identity = self._hierarchical(given, parent_id) if hierarchical else self._named(parent, given)
        path = f"{parent}/{identity['name']}"
        policy: Json = {
            "kind": "compute#firewallPolicy",
            "creationTimestamp": self._store.clock.timestamp(),
            **identity,
            "description": given.get("description", ""),
            "selfLink": self._store.link(path),
            "selfLinkWithId": self._store.link(f"{parent}/{identity['id']}"),
        }
        if place.startswith("regions/"):
            policy["region"] = self._store.link(place)
        defaults = [rule for rule in policy_rules.default_rules() if _at(rules, rule["priority"]) is None]
        return self._changes.make("insert", path, finished(policy, [*rules, *defaults], []))

    def patch(self, path: str, body: Any) -> Json:
        """The operation that changed a policy's description; everything else has verbs of its own.

        Raises:
            ApiError: 400, 404, 412.
        """
        before = self.existing(path)
        given = fields.typed(body, {"description": str, "fingerprint": str, "name": str, "shortName": str})
        if given.get("fingerprint") not in (None, before["fingerprint"]):
            raise ApiError(412, "conditionNotMet", "Invalid fingerprint.")
        after = before | {"description": given.get("description") or before["description"]}
        return self._changes.make("patch", path, finished(after, before["rules"], before["associations"]))

    def delete(self, path: str) -> Json:
        """The operation that deleted a policy.

        Raises:
            ApiError: 404; 400 while it is associated.
        """
        if users := [association["attachmentTarget"] for association in self.existing(path)["associations"]]:
            full = self._store.full_name(path)
            why = f"The firewall_policy resource '{full}' is already being used by '{users[0]}'"
            raise ApiError(400, "resourceInUseByAnotherResource", why)
        return self._changes.make("delete", path, None)

    def existing(self, path: str) -> Json:
        """The policy at a path.

        Raises:
            ApiError: 404.
        """
        policy = self._store.get(path)
        if policy is None:
            raise not_found(self._store.full_name(path))
        return policy

    def rule(self, path: str, priority: str | None) -> Json:
        """The rule at a priority.

        Raises:
            ApiError: 400, 404.
        """
        return _existing_rule(self.existing(path), _number("priority", priority))

    def add_rule(self, path: str, body: Any) -> Json:
        """The operation that added a rule.

        Raises:
            ApiError: 400, 404, 413, or 500 when it cannot be enforced.
        """
        policy = self.existing(path)
        rule = self._rule(body, hierarchical=path.startswith(ORGANIZATIONAL))
        return self._with_rules("addRule", path, [*policy["rules"], rule])

    def patch_rule(self, path: str, priority: str | None, body: Any) -> Json:
        """The operation that merged `body` into the rule at a priority, and its `match` into the rule's; null empties.

        Raises:
            ApiError: 400, 404, 413, or 500 when it cannot be enforced.
        """
        policy = self.existing(path)
        before = _existing_rule(policy, _number("priority", priority))
        given = policy_rules.check_fields(body)
        merged = before | given | {"match": before["match"] | (given.get("match") or {})}
        after = self._rule(merged, hierarchical=path.startswith(ORGANIZATIONAL))
        return self._with_rules("patchRule", path, [*(rule for rule in policy["rules"] if rule != before), after])

    def remove_rule(self, path: str, priority: str | None) -> Json:
        """The operation that removed the rule at a priority.

        Raises:
            ApiError: 400, 404, or 500 when it cannot be enforced.
        """
        policy = self.existing(path)
        gone = _existing_rule(policy, _number("priority", priority))
        return self._with_rules("removeRule", path, [rule for rule in policy["rules"] if rule != gone])

    def of_node(self, parent_id: str | None) -> list[Json]:
        """The policies that an organization or a folder owns.

        Raises:
            ApiError: 400.
        """
        node = node_of("parentId", parent_id)
        return [policy for policy in self._store.within(f"{ORGANIZATIONAL}{COLLECTION}") if policy["parent"] == node]

    def _rule(self, body: Any, *, hierarchical: bool) -> Json:
        return policy_rules.stored(policy_rules.check_fields(body), self._groups, hierarchical=hierarchical)

    def _named(self, parent: str, given: Json) -> Json:
        name = fields.name("resource.name", given.get("name"))
        path = f"{parent}/{name}"
        if self._store.get(path) is not None or name in self._taken:
            raise already_exists(self._store.full_name(path))
        return {"id": new_id(), "name": name}

    def _hierarchical(self, given: Json, parent_id: str | None) -> Json:
        node = node_of("parentId", parent_id)
        short = fields.name("resource.shortName", given.get("shortName", given.get("displayName")))
        if any(policy["shortName"] == short for policy in self.of_node(node)):
            raise ApiError(409, "alreadyExists", f"The resource '{node}/{COLLECTION}/{short}' already exists")
        # As the real ones: the name is the id.
        number = str(10**11 + secrets.randbelow(9 * 10**11))
        return {"id": number, "name": number, "shortName": short, "displayName": short, "parent": node}

    def _with_rules(self, verb: str, path: str, rules: list[Json]) -> Json:
        _check_priorities(rules)
        policy = self.existing(path)
        return self._changes.make(verb, path, finished(policy, rules, policy["associations"]))


def finished(policy: Json, rules: list[Json], associations: list[Json]) -> Json:
    """The policy with these rules, by priority, and these associations, and what follows from them."""
    return policy | {
        "rules": sorted(rules, key=lambda rule: rule["priority"]),
        "associations": associations,
        "ruleTupleCount": sum(rule["ruleTupleCount"] for rule in rules),
        "fingerprint": new_fingerprint(),
    }


def _check_priorities(rules: list[Json]) -> None:
    priorities = [rule["priority"] for rule in rules]
    for priority in priorities:
        if priorities.count(priority) > 1:
            raise invalid("resource.priority", priority, "Cannot have rules with the same priorities.")


def _at(rules: list[Json], priority: int) -> Json | None:
    return next((rule for rule in rules if rule["priority"] == priority), None)


def _existing_rule(policy: Json, priority: int) -> Json:
    found = _at(policy["rules"], priority)
    if found is None:
        why = f"The firewall policy does not contain a rule at priority {priority}."
        raise invalid("priority", priority, why)
    return found


def _number(parameter: str, text: str | None) -> int:
    if text is None:
        raise required(parameter)
    if not (text.isascii() and text.isdigit()):
        raise invalid(parameter, text, "Must be an integer.")
    return int(text)


def is_node(target: str) -> bool:
    """Whether an association's target is an organization or a folder."""
    return re.fullmatch(_NODE, target) is not None


def node_of(field: str, target: str | None) -> str:
    """The organization or folder that a field or parameter names.

    Raises:
        ApiError: 400.
    """
    if target is None:
        raise required(field)
    if not is_node(target):
        raise invalid(field, target, "Must be organizations/NUMBER or folders/NUMBER.")
    return target
