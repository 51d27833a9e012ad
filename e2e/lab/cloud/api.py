"""Which call does what: methods and paths of Compute Engine v1 as a table, one line each.

https://docs.cloud.google.com/compute/docs/reference/rest/v1. Paths are relative to the project.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.lab.cloud import listing
from e2e.lab.cloud.enforce import Enforcer
from e2e.lab.cloud.errors import ApiError, invalid, not_found, required
from e2e.lab.cloud.firewalls import Firewalls
from e2e.lab.cloud.store import ROOT, Json, SeedError, path_of, seeded

# Parameters of every Google API (https://docs.cloud.google.com/apis/docs/system-parameters) that change nothing here.
# `fields` is not among them: to answer more than was asked would be a lie about partial responses.
SYSTEM_PARAMETERS = frozenset({"alt", "$alt", "key", "prettyPrint", "quotaUser", "userIp", "access_token", "$.xgafv"})
LIST_PARAMETERS = frozenset({"filter", "maxResults", "orderBy", "pageToken", "returnPartialSuccess"})
AGGREGATED_PARAMETERS = LIST_PARAMETERS | {"includeAllScopes", "serviceProjectNumber"}

_KINDS = {
    "firewalls": "firewall",
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
    """One request to the API: `path` without query and without the prefix /compute/v1, `body` parsed from JSON or None."""

    method: str
    path: str
    parameters: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    answer: Callable[..., Json]
    parameters: frozenset[str]


class Api:
    """The emulated API of one project. Safe for threads: calls are answered one after another."""

    def __init__(self, recording: Mapping[str, Any], enforcer: Enforcer) -> None:
        """Starts from a recording and puts its rules in force.

        Raises:
            SeedError: the recording cannot be used.
            EnforcementError: its rules cannot be put in force.
        """
        self._lock = threading.Lock()
        self._store = seeded(recording)
        self._policies = _policies(recording)
        self._firewalls = Firewalls(self._store, enforcer)
        self._firewalls.seed(recording.get("firewalls", []))
        self._add_places()
        self._routes = self._table()

    @property
    def project(self) -> str:
        """The one project that exists."""
        return self._store.project

    def number_of_rules(self) -> int:
        """How many firewall rules there are, disabled ones included."""
        with self._lock:
            return len(self._firewalls.rules())

    def answer(self, call: Call) -> Json:
        """The body of the answer with code 200.

        Raises:
            ApiError: every other answer.
        """
        project, _, path = call.path.strip("/").removeprefix("projects/").partition("/")
        if not call.path.startswith("/projects/"):
            raise ApiError(404, "notFound", f"The emulator has no {call.method} {call.path}")
        if project != self._store.project:
            raise not_found(f"projects/{project}")
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match and route.method == call.method:
                _check_parameters(call.parameters, route.parameters)
                with self._lock:
                    return route.answer(call, **match.groupdict())
        raise ApiError(404, "notFound", f"The emulator has no {call.method} {call.path}")

    def _table(self) -> list[_Route]:
        none: frozenset[str] = frozenset()
        change = frozenset({"requestId"})
        rule = "global/firewalls/(?P<name>[^/]+)"
        network = "(?P<path>global/networks/[^/]+)"
        instance = "(?P<path>zones/[^/]+/instances/[^/]+)"
        anywhere = "global|zones/[^/]+|regions/[^/]+"
        operation = f"(?P<path>({anywhere})/operations/[^/]+)"
        policies = "regions/(?P<region>[^/]+)/firewallPolicies"
        aggregated = "aggregated/(?P<collection>instances|subnetworks|operations)"
        rows: list[tuple[str, str, Callable[..., Json], frozenset[str]]] = [
            ("GET", "", self._project, none),
            ("POST", "global/firewalls", lambda call: self._firewalls.insert(call.body), change),
            ("PATCH", rule, lambda call, name: self._firewalls.patch(name, call.body), change),
            ("PUT", rule, lambda call, name: self._firewalls.update(name, call.body), change),
            ("DELETE", rule, lambda call, name: self._firewalls.delete(name), change),
            ("GET", f"{network}/getEffectiveFirewalls", self._of_network, none),
            ("GET", f"{policies}/getEffectiveFirewalls", self._of_region, frozenset({"network"})),
            ("GET", f"{instance}/getEffectiveFirewalls", self._of_interface, frozenset({"networkInterface"})),
            ("GET", aggregated, self._aggregated, AGGREGATED_PARAMETERS),
            ("GET", "(?P<collection>zones|regions)", self._list, LIST_PARAMETERS),
            ("GET", "global/(?P<collection>firewalls|networks|routes)", self._list, LIST_PARAMETERS),
            ("GET", "(?P<scope>zones/[^/]+)/(?P<collection>instances)", self._list, LIST_PARAMETERS),
            ("GET", "(?P<scope>regions/[^/]+)/(?P<collection>subnetworks)", self._list, LIST_PARAMETERS),
            ("GET", f"(?P<scope>{anywhere})/(?P<collection>operations)", self._list, LIST_PARAMETERS),
            ("GET", "(?P<path>(zones|regions)/[^/]+)", self._get, none),
            ("GET", "(?P<path>global/(firewalls|networks|routes)/[^/]+)", self._get, none),
            ("GET", instance, self._get, none),
            ("GET", "(?P<path>regions/[^/]+/subnetworks/[^/]+)", self._get, none),
            ("GET", operation, self._get, none),
            # Nothing is ever pending, so there is nothing to wait for.
            ("POST", f"{operation}/wait", self._get, none),
            ("DELETE", operation, self._forget, none),
        ]
        return [_Route(method, re.compile(path), answer, parameters) for method, path, answer, parameters in rows]

    def _project(self, call: Call) -> Json:
        return {
            "kind": "compute#project",
            "id": "1",
            "name": self._store.project,
            "selfLink": f"{ROOT}projects/{self._store.project}",
            "defaultNetworkTier": "PREMIUM",
            "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        }

    def _get(self, call: Call, path: str) -> Json:
        resource = self._store.get(path)
        if resource is None:
            raise not_found(self._store.full_name(path))
        return resource

    def _forget(self, call: Call, path: str) -> Json:
        self._get(call, path)
        self._store.remove(path)
        return {}

    def _list(self, call: Call, collection: str, scope: str = "global") -> Json:
        if collection in ("zones", "regions"):
            parent = collection
        else:
            parent = f"{scope}/{collection}"
            if scope != "global":
                self._get(call, scope)
        path = self._store.full_name(parent)
        return listing.answer(_KINDS[collection], path, self._store.within(parent), call.parameters, ROOT + path)

    def _aggregated(self, call: Call, collection: str) -> Json:
        places = {
            "instances": [f"zones/{zone}" for zone in self._store.zones()],
            "subnetworks": [f"regions/{region}" for region in self._store.regions()],
            "operations": [],
        }[collection]
        scopes = {place: list[Json]() for place in places} | self._store.everywhere(collection)
        path = self._store.full_name(f"aggregated/{collection}")
        return listing.aggregated(_KINDS[collection], collection, path, scopes, call.parameters, ROOT + path)

    def _of_network(self, call: Call, path: str) -> Json:
        # Regional policies are in the answer of the region only.
        network = self._get(call, path)
        policies = {
            str(policy.get("name") or policy.get("id")): policy
            for (name, _), found in self._policies.items()
            for policy in found
            if name == network["name"] and policy.get("type") not in ("NETWORK_REGIONAL", "SYSTEM_REGIONAL")
        }
        return _effective(list(policies.values()), self._firewalls.rules(network["selfLink"]))

    def _of_region(self, call: Call, region: str) -> Json:
        self._get(call, f"regions/{region}")
        link = call.parameters.get("network")
        if link is None:
            raise required("network")
        path = path_of(link)
        if not path.startswith("global/networks/"):
            raise invalid("network", link, "The URL is malformed.")
        network = self._get(call, path)
        policies = self._policies.get((network["name"], region), [])
        return _effective(policies, self._firewalls.rules(network["selfLink"]))

    def _of_interface(self, call: Call, path: str) -> Json:
        instance = self._get(call, path)
        asked = call.parameters.get("networkInterface")
        if asked is None:
            raise required("networkInterface")
        for index, nic in enumerate(instance.get("networkInterfaces", [])):
            if asked == nic.get("name", f"nic{index}"):
                network = self._get(call, path_of(nic["network"]))
                region = path.split("/")[1].rpartition("-")[0]
                rules = [rule for rule in self._firewalls.rules(network["selfLink"]) if _targets(rule, instance)]
                return _effective(self._policies.get((network["name"], region), []), rules)
        raise invalid("networkInterface", asked, "The instance has no such network interface.")

    def _add_places(self) -> None:
        for kind, names in (("region", self._store.regions()), ("zone", self._store.zones())):
            for name in names:
                path = f"{kind}s/{name}"
                place: Json = {
                    "kind": f"compute#{kind}",
                    "name": name,
                    "status": "UP",
                    "selfLink": self._store.link(path),
                }
                if kind == "zone":
                    place["region"] = self._store.link(f"regions/{name.rpartition('-')[0]}")
                self._store.put(path, place)


def _check_parameters(given: Mapping[str, str], known: frozenset[str]) -> None:
    for name in given:
        if name not in known | SYSTEM_PARAMETERS:
            raise ApiError(
                400,
                "badRequest",
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message.",
            )


def _effective(policies: list[Json], rules: list[Json]) -> Json:
    return ({"firewalls": rules} if rules else {}) | ({"firewallPolicys": policies} if policies else {})


def _targets(rule: Json, instance: Json) -> bool:
    tags = set(instance.get("tags", {}).get("items", []))
    accounts = {account["email"] for account in instance.get("serviceAccounts", [])}
    if "targetTags" in rule:
        return bool(tags & set(rule["targetTags"]))
    if "targetServiceAccounts" in rule:
        return bool(accounts & set(rule["targetServiceAccounts"]))
    return True


def _policies(recording: Mapping[str, Any]) -> dict[tuple[str, str], list[Json]]:
    """The recorded firewall policies by network and region; they are answered as they were, never enforced."""
    policies: dict[tuple[str, str], list[Json]] = {}
    for index, entry in enumerate(recording.get("effectiveFirewalls", [])):
        try:
            policies[entry["network"], entry["region"]] = entry["answer"].get("firewallPolicys", [])
        except (KeyError, TypeError, AttributeError) as error:
            raise SeedError(f"effectiveFirewalls[{index}] must have network, region and answer") from error
    return policies
