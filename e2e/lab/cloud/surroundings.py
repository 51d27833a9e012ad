"""The verbs on what firewall rules speak of: networks' enforcement order, static routes, instances' network tags."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, collapse_addresses
from typing import Any

from e2e.lab.cloud import fields
from e2e.lab.cloud.changes import Changes
from e2e.lab.cloud.errors import ApiError, already_exists, invalid, not_found, required
from e2e.lab.cloud.store import Json, Store, new_fingerprint, new_id

ORDERS = ("AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL")
_ROUTE_TYPES: fields.Types = {
    **dict.fromkeys(("kind", "id", "creationTimestamp", "selfLink", "name", "description", "network"), str),
    **dict.fromkeys(("destRange", "nextHopInstance", "nextHopIp"), str),
    "priority": int,
    "tags": list,
}


class Surroundings:
    """Networks, routes and instances as far as they can be changed. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self._led_to = self._ranges()

    def lost(self) -> list[str]:
        """The IPv4 ranges to which a static route led that is deleted, and none leads now; they do not overlap."""
        now = self._ranges()
        self._led_to |= now
        gone = (each for each in self._led_to if not any(each.subnet_of(wider) for wider in now))
        return [str(each) for each in collapse_addresses(gone)]

    def _ranges(self) -> set[IPv4Network]:
        return {
            IPv4Network(route["destRange"])
            for route in self._store.within("global/routes")
            if ("nextHopInstance" in route or "nextHopIp" in route) and ":" not in route.get("destRange", ":")
        }

    def patch_network(self, path: str, body: Any) -> Json:
        """The operation that changed in which order a network asks its rules and its policies.

        Raises:
            ApiError: 400, 404, or 500 when it cannot be enforced.
        """
        before = self._existing(path)
        given = fields.typed(body, {"networkFirewallPolicyEnforcementOrder": str, "name": str})
        field = "networkFirewallPolicyEnforcementOrder"
        if given.get(field) is None:
            raise required(f"resource.{field}")
        order = fields.one_of(f"resource.{field}", given[field], ORDERS)
        return self._changes.make("patch", path, before | {field: order})

    def insert_route(self, body: Any) -> Json:
        """The operation that created a static route to an instance or its address.

        Raises:
            ApiError: 400, 409, or 500 when it cannot be enforced.
        """
        given = fields.given(fields.typed(body, _ROUTE_TYPES), "kind", "id", "creationTimestamp", "selfLink")
        path = f"global/routes/{fields.name('resource.name', given.get('name'))}"
        if self._store.get(path) is not None:
            raise already_exists(self._store.full_name(path))
        for field in ("network", "destRange"):
            if field not in given:
                raise required(f"resource.{field}")
        if "nextHopInstance" not in given and "nextHopIp" not in given:
            raise required("resource.nextHopInstance")
        hop = given.get("nextHopInstance")
        if hop is not None and self._store.get(self._instance(hop)) is None:
            raise invalid("resource.nextHopInstance", hop, "The referenced instance resource cannot be found.")
        route = given | {
            "kind": "compute#route",
            "id": new_id(),
            "creationTimestamp": self._store.clock.timestamp(),
            "network": self._store.link(fields.network("resource.network", given["network"], self._store)),
            "destRange": fields.cidr("resource.destRange", given["destRange"]),
            "priority": fields.between("resource.priority", given.get("priority", 1000), 0, 65535),
            "selfLink": self._store.link(path),
        }
        return self._changes.make("insert", path, route)

    def delete_route(self, path: str) -> Json:
        """The operation that deleted a route.

        Raises:
            ApiError: 404, or 500 when it cannot be enforced.
        """
        self._existing(path)
        return self._changes.make("delete", path, None)

    def set_tags(self, path: str, body: Any) -> Json:
        """The operation that gave an instance these network tags and no others.

        Raises:
            ApiError: 400, 404, 412, or 500 when it cannot be enforced.
        """
        before = self._existing(path)
        given = fields.typed(body, {"items": list, "fingerprint": str})
        if given.get("fingerprint") != before.get("tags", {}).get("fingerprint"):
            raise ApiError(412, "conditionNotMet", "Supplied fingerprint does not match current metadata fingerprint.")
        items = fields.texts("resource.items", given.get("items") or [], 64, fields.name)
        return self._changes.make(
            "setTags", path, before | {"tags": {"items": items, "fingerprint": new_fingerprint()}}
        )

    def _existing(self, path: str) -> Json:
        resource = self._store.get(path)
        if resource is None:
            raise not_found(self._store.full_name(path))
        return resource

    def _instance(self, link: str) -> str:
        match = re.search(r"zones/[^/]+/instances/[^/]+$", link)
        if match is None:
            raise invalid("resource.nextHopInstance", link, "The URL is malformed.")
        return match.group()
