"""The calls that only read: get, list and aggregatedList of every collection, and effective firewalls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.lab.cloud import effective, listing
from e2e.lab.cloud.effective import Effective
from e2e.lab.cloud.elsewhere import Elsewhere
from e2e.lab.cloud.errors import invalid, not_found, required
from e2e.lab.cloud.firewalls import COLLECTION as FIREWALLS
from e2e.lab.cloud.operations import OWNER
from e2e.lab.cloud.store import ROOT, Json, Store, path_of

_KINDS = {
    "firewalls": "firewall",
    "firewallPolicies": "firewallPolicy",
    "networks": "network",
    "subnetworks": "subnetwork",
    "routes": "route",
    "instances": "instance",
    "operations": "operation",
    "zones": "zone",
    "regions": "region",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API: `path` without query and without the prefix /compute/v1, `body` parsed from JSON or None,
    `user` who makes it."""

    method: str
    path: str
    parameters: Mapping[str, str]
    body: Any = None
    user: str = OWNER


class Reading:
    """Answers from the store. Not safe for threads: the caller holds a lock. Every call raises ApiError 400 or 404."""

    def __init__(self, store: Store, policies: Effective, elsewhere: Elsewhere) -> None:
        self._store = store
        self._policies = policies
        self._elsewhere = elsewhere

    def rules(self, network: Json | None = None) -> list[Json]:
        """All VPC firewall rules, or a network's, disabled ones included, by name."""
        found = self._store.within(FIREWALLS)
        return [rule for rule in found if network is None or rule["network"] == network["selfLink"]]

    def project(self, call: Call) -> Json:
        """The project itself."""
        return {
            "kind": "compute#project",
            "id": "1",
            "name": self._store.project,
            "selfLink": f"{ROOT}projects/{self._store.project}",
            "defaultNetworkTier": "PREMIUM",
            "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        }

    def get(self, call: Call, path: str) -> Json:
        """The resource at a path."""
        resource = self._store.get(path)
        if resource is None:
            raise not_found(self._store.full_name(path))
        return resource

    def forget(self, call: Call, path: str) -> Json:
        """Deletes an operation's record."""
        self.get(call, path)
        self._store.remove(path)
        return {}

    def items(self, call: Call, collection: str, scope: str = "global") -> Json:
        """One page of a collection."""
        if collection in ("zones", "regions"):
            parent = collection
        else:
            parent = f"{scope}/{collection}"
            if "global" not in scope:
                self.get(call, scope)
        return self.listed(call, collection, parent, self._store.within(parent))

    def listed(self, call: Call, collection: str, parent: str, found: list[Json]) -> Json:
        """One page of these resources."""
        path = self._store.full_name(parent)
        return listing.answer(_KINDS[collection], path, found, call.parameters, ROOT + path)

    def aggregated(self, call: Call, collection: str) -> Json:
        """One page of a collection in all its scopes."""
        zones = [f"zones/{zone}" for zone in self._store.zones()]
        regions = [f"regions/{region}" for region in self._store.regions()]
        places = {"instances": zones, "subnetworks": regions, "firewallPolicies": ["global", *regions]}
        found = self._store.everywhere(collection)
        scopes = {place: list[Json]() for place in places.get(collection, [])} | found
        path = self._store.full_name(f"aggregated/{collection}")
        return listing.aggregated(_KINDS[collection], collection, path, scopes, call.parameters, ROOT + path)

    def of_network(self, call: Call, path: str) -> Json:
        """What applies to a network in all its regions: no regional policies."""
        network = self.get(call, path)
        return _effective(self._policies.answered(network, None), self.rules(network))

    def of_region(self, call: Call, region: str) -> Json:
        """What applies to a network in one region."""
        self.get(call, f"regions/{region}")
        link = call.parameters.get("network")
        if link is None:
            raise required("network")
        path = path_of(link)
        if not path.startswith("global/networks/"):
            raise invalid("network", link, "The URL is malformed.")
        network = self.get(call, path)
        return _effective(effective.for_region(self._policies.answered(network, region)), self.rules(network))

    def of_interface(self, call: Call, path: str) -> Json:
        """What applies to an instance's network interface: rules and policy rules that target others are left out."""
        instance = self.get(call, path)
        asked = call.parameters.get("networkInterface")
        if asked is None:
            raise required("networkInterface")
        for index, nic in enumerate(instance.get("networkInterfaces", [])):
            if asked == nic.get("name", f"nic{index}"):
                network = self.get(call, path_of(nic["network"]))
                region = path.split("/")[1].rpartition("-")[0]
                policies = [
                    policy | {"rules": [rule for rule in policy.get("rules", []) if self._targets(rule, instance)]}
                    for policy in self._policies.answered(network, region)
                ]
                return _effective(policies, [rule for rule in self.rules(network) if self._targets(rule, instance)])
        raise invalid("networkInterface", asked, "The instance has no such network interface.")

    def _targets(self, rule: Json, instance: Json) -> bool:
        tags = set(instance.get("tags", {}).get("items", []))
        accounts = {account["email"] for account in instance.get("serviceAccounts", [])}
        bound = set(self._elsewhere.bindings.get(instance["name"], []))
        secure = {tag["name"] for tag in rule.get("targetSecureTags", []) if tag.get("state") != "INEFFECTIVE"}
        asked = [
            (tags, rule.get("targetTags")),
            (accounts, rule.get("targetServiceAccounts")),
            (bound, secure if rule.get("targetSecureTags") else None),
        ]
        named = [bool(has & set(wanted)) for has, wanted in asked if wanted is not None]
        return any(named) or not named


def _effective(policies: list[Json], rules: list[Json]) -> Json:
    return ({"firewalls": rules} if rules else {}) | ({"firewallPolicys": policies} if policies else {})
