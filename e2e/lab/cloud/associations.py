"""The verbs on firewall policies' associations: with networks, organizations and folders.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/networkFirewallPolicies/addAssociation. An organization or a
folder has one policy at most; a network has several, by the priority of their associations.
"""

from __future__ import annotations

from typing import Any

from e2e.lab.cloud import fields, policy_rules
from e2e.lab.cloud.changes import Changes
from e2e.lab.cloud.errors import invalid, required
from e2e.lab.cloud.policies import COLLECTION, Policies, finished, is_node, node_of
from e2e.lab.cloud.store import ORGANIZATIONAL, Json, Store

DEFAULT_PRIORITY = 1000
_ASSOCIATION_TYPES: fields.Types = {
    **dict.fromkeys(("name", "attachmentTarget", "displayName", "shortName", "firewallPolicyId"), str),
    "priority": int,
}


class Associations:
    """What the policies are associated with. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, changes: Changes, policies: Policies) -> None:
        self._store = store
        self._changes = changes
        self._policies = policies

    def one(self, path: str, name: str | None) -> Json:
        """The association of that name.

        Raises:
            ApiError: 400, 404.
        """
        if name is None:
            raise required("name")
        held: list[Json] = self._policies.existing(path)["associations"]
        for association in held:
            if association["name"] == name:
                return association
        raise invalid("name", name, "An association with that name does not exist.")

    def add(self, path: str, body: Any, replace: str | None) -> Json:
        """The operation that associated a policy with a network, an organization or a folder.

        Args:
            path: the policy's.
            body: name, attachmentTarget and priority of the association.
            replace: "true" to take the target from the policy that has it under this name (of the node, under any).

        Raises:
            ApiError: 400, 404, or 500 when it cannot be enforced.
        """
        policy = self._policies.existing(path)
        given = fields.given(fields.typed(body, _ASSOCIATION_TYPES), "displayName", "shortName", "firewallPolicyId")
        target = self._target(path, given.get("attachmentTarget"))
        name = given.get("name", f"{policy['id']}-association")
        association = {"name": name, "attachmentTarget": target, "firewallPolicyId": policy["id"]}
        if path.startswith(ORGANIZATIONAL):
            association |= dict.fromkeys(("displayName", "shortName"), policy["shortName"])
        else:
            fields.name("resource.name", name)
            priority = given.get("priority", DEFAULT_PRIORITY)
            association["priority"] = fields.between("resource.priority", priority, 1, policy_rules.LAST_PRIORITY)
        holders = self._holders(path, name, target)
        if holders and replace != "true":
            raise invalid("resource.name", name, "An association with that name already exists.")
        without = {
            self._path_of(holder): finished(
                holder, holder["rules"], [each for each in holder["associations"] if each not in held]
            )
            for holder, held in holders
        }
        policy = without.pop(path, policy)
        after = finished(policy, policy["rules"], [*policy["associations"], association])
        return self._changes.make("addAssociation", path, after, without)

    def remove(self, path: str, name: str | None) -> Json:
        """The operation that ended an association.

        Raises:
            ApiError: 400, 404, or 500 when it cannot be enforced.
        """
        gone, policy = self.one(path, name), self._policies.existing(path)
        others = [association for association in policy["associations"] if association != gone]
        return self._changes.make("removeAssociation", path, finished(policy, policy["rules"], others))

    def of_node(self, target: str | None) -> Json:
        """The body of listAssociations: those with an organization or a folder.

        Raises:
            ApiError: 400.
        """
        node = node_of("targetResource", target)
        found = [
            association
            for policy in self._store.within(f"{ORGANIZATIONAL}{COLLECTION}")
            for association in policy["associations"]
            if association["attachmentTarget"] == node
        ]
        kind = "compute#firewallPoliciesListAssociationsResponse"
        return {"kind": kind} | ({"associations": found} if found else {})

    def _target(self, path: str, target: str | None) -> str:
        if target is None:
            raise required("resource.attachmentTarget")
        if path.startswith(ORGANIZATIONAL):
            return node_of("resource.attachmentTarget", target)
        return self._store.link(fields.network("resource.attachmentTarget", target, self._store))

    def _holders(self, path: str, name: str, target: str) -> list[tuple[Json, list[Json]]]:
        """What stands in the way of an association, by policy: one of its own with this name or this target, one of
        another with this name on this network, or whatever is on this node."""
        found = []
        for policy in self._store.within(path.rpartition("/")[0]):
            own = self._path_of(policy) == path
            held = [
                each
                for each in policy["associations"]
                if (each["attachmentTarget"] == target and (own or is_node(target) or each["name"] == name))
                or (own and each["name"] == name)
            ]
            if held:
                found.append((policy, held))
        return found

    def _path_of(self, policy: Json) -> str:
        return self._store.path_of_link(policy["selfLink"])
