"""Which call does what: methods and paths of Compute Engine v1 as a table, one line each.

https://docs.cloud.google.com/compute/docs/reference/rest/v1. Paths are relative to the project, those that begin with
`locations/global` to the API's root: they are organizations' and folders'. What other Google APIs answer is asked first.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.lab.cloud import log_entries
from e2e.lab.cloud.associations import Associations
from e2e.lab.cloud.audit_log import AuditLog
from e2e.lab.cloud.changes import Changes
from e2e.lab.cloud.clock import Clock
from e2e.lab.cloud.effective import Effective
from e2e.lab.cloud.elsewhere import Elsewhere
from e2e.lab.cloud.enforce import Enforcer
from e2e.lab.cloud.errors import ApiError, not_found
from e2e.lab.cloud.firewalls import Firewalls
from e2e.lab.cloud.policies import Policies
from e2e.lab.cloud.reading import Call, Reading
from e2e.lab.cloud.store import ORGANIZATIONAL, Json, Store, path_of, seeded
from e2e.lab.cloud.surroundings import Surroundings
from e2e.lab.cloud.wanted import Wanted

# Parameters of every Google API (https://docs.cloud.google.com/apis/docs/system-parameters) that change nothing here.
# `fields` is not among them: to answer more than was asked would be a lie about partial responses.
SYSTEM_PARAMETERS = frozenset({"alt", "$alt", "key", "prettyPrint", "quotaUser", "userIp", "access_token", "$.xgafv"})
LIST_PARAMETERS = frozenset({"filter", "maxResults", "orderBy", "pageToken", "returnPartialSuccess"})
AGGREGATED_PARAMETERS = LIST_PARAMETERS | {"includeAllScopes", "serviceProjectNumber"}
CHANGE_PARAMETERS = frozenset({"requestId"})
NO_PARAMETERS: frozenset[str] = frozenset()

# (method, path, answer, known parameters)
_Row = tuple[str, str, Callable[..., Json], frozenset[str]]


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
        self._elsewhere = Elsewhere(recording, self._store)
        self._effective = Effective(self._store, recording, self._elsewhere.groups)
        self._reading = Reading(self._store, self._effective, self._elsewhere)
        self.audit = AuditLog(self._store)
        self._changes = changes = Changes(self._store, enforcer, self._wanted)
        self._firewalls = Firewalls(self._store, changes)
        taken = self._effective.recorded_names()
        self._policies = Policies(self._store, changes, self._elsewhere.groups, taken)
        self._associations = Associations(self._store, changes, self._policies)
        self._surroundings = Surroundings(self._store, changes)
        self._firewalls.seed(recording.get("firewalls", []))
        _add_places(self._store)
        changes.enforce()
        rows = [*self._rows_of_rules(), *self._rows_of_policies(), *self._rows_of_reading()]
        self._routes = [_Route(method, re.compile(path), answer, known) for method, path, answer, known in rows]

    @property
    def project(self) -> str:
        """The one project that exists."""
        return self._store.project

    @property
    def clock(self) -> Clock:
        """The cloud's clock."""
        return self._store.clock

    @property
    def notes(self) -> list[str]:
        """What the seed has that packets will not obey, one line each."""
        return self._effective.notes()

    def number_of_rules(self) -> int:
        """How many VPC firewall rules there are, disabled ones included."""
        with self._lock:
            return len(self._reading.rules())

    def answer(self, call: Call) -> Json:
        """The body of the answer with code 200.

        Raises:
            ApiError: every other answer.
        """
        if (call.method, call.path) == ("POST", log_entries.PATH):
            return self.audit.answer(call.parameters, call.body)
        with self._lock:
            elsewhere = self._elsewhere.answer(call.method, call.path, call.parameters)
        if elsewhere is not None:
            return elsewhere
        path = call.path.strip("/")
        if path.startswith("projects/"):
            project, _, path = path.removeprefix("projects/").partition("/")
            if project != self._store.project:
                raise not_found(f"projects/{project}")
            if path.startswith(ORGANIZATIONAL):
                raise _no_such_call(call)
        elif not path.startswith(ORGANIZATIONAL):
            raise _no_such_call(call)
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match and route.method == call.method:
                _check_parameters(call.parameters, route.parameters)
                with self._lock:
                    self._changes.user = call.user
                    return route.answer(call, **match.groupdict())
        raise _no_such_call(call)

    def _wanted(self) -> Wanted:
        networks = {f"global/networks/{network['name']}": network for network in self._store.within("global/networks")}
        instances = [each for found in self._store.everywhere("instances").values() for each in found]
        places = {
            (path_of(nic["network"]), instance["zone"].rpartition("/")[2].rpartition("-")[0])
            for instance in instances
            for nic in instance.get("networkInterfaces", [])
            if "network" in nic
        }
        return Wanted(
            project=self._store.project,
            rules=self._reading.rules(),
            instances=instances,
            networks=networks,
            policies={
                (network, region): self._effective.enforced(networks[network], region)
                for network, region in places
                if network in networks
            },
            groups=self._elsewhere.groups,
            bindings=self._elsewhere.bindings,
            lost=self._surroundings.lost(),
        )

    def _rows_of_rules(self) -> Iterable[_Row]:
        rules, around, change = self._firewalls, self._surroundings, CHANGE_PARAMETERS
        rule = "global/firewalls/(?P<name>[^/]+)"
        return [
            ("POST", "global/firewalls", lambda call: rules.insert(call.body), change),
            ("PATCH", rule, lambda call, name: rules.patch(name, call.body), change),
            ("PUT", rule, lambda call, name: rules.update(name, call.body), change),
            ("DELETE", rule, lambda call, name: rules.delete(name), change),
            (
                *("PATCH", "(?P<path>global/networks/[^/]+)"),
                *(lambda call, path: around.patch_network(path, call.body), change),
            ),
            ("POST", "global/routes", lambda call: around.insert_route(call.body), change),
            ("DELETE", "(?P<path>global/routes/[^/]+)", lambda call, path: around.delete_route(path), change),
            (
                *("POST", "(?P<path>zones/[^/]+/instances/[^/]+)/setTags"),
                *(lambda call, path: around.set_tags(path, call.body), change),
            ),
        ]

    def _rows_of_policies(self) -> Iterable[_Row]:
        policies, associations, change = self._policies, self._associations, CHANGE_PARAMETERS
        of_organizations = f"{ORGANIZATIONAL}firewallPolicies"
        # Before the policies' own rows: these look like policies' names.
        yield "GET", f"{of_organizations}/listAssociations", self._associations_of_node, frozenset({"targetResource"})
        yield "GET", of_organizations, self._policies_of_node, LIST_PARAMETERS | {"parentId"}
        yield "POST", of_organizations, self._insert_for_node, change | {"parentId"}
        parent = "(?P<parent>(global|regions/[^/]+)/firewallPolicies)"
        policy = f"(?P<path>(global|regions/[^/]+|{ORGANIZATIONAL.rstrip('/')})/firewallPolicies/[^/]+)"
        at, named = frozenset({"priority"}), frozenset({"name"})
        yield "POST", parent, lambda call, parent: policies.insert(parent, call.body), change
        yield "PATCH", policy, lambda call, path: policies.patch(path, call.body), change
        yield "DELETE", policy, lambda call, path: policies.delete(path), change
        verbs: list[_Row] = [
            ("GET", "getRule", lambda path, asked, body: policies.rule(path, asked("priority")), at),
            ("POST", "addRule", lambda path, asked, body: policies.add_rule(path, body), change),
            (
                *("POST", "patchRule"),
                *(lambda path, asked, body: policies.patch_rule(path, asked("priority"), body), change | at),
            ),
            (
                *("POST", "removeRule"),
                *(lambda path, asked, body: policies.remove_rule(path, asked("priority")), change | at),
            ),
            ("GET", "getAssociation", lambda path, asked, body: associations.one(path, asked("name")), named),
            (
                *("POST", "addAssociation"),
                lambda path, asked, body: associations.add(path, body, asked("replaceExistingAssociation")),
                change | {"replaceExistingAssociation"},
            ),
            (
                *("POST", "removeAssociation"),
                *(lambda path, asked, body: associations.remove(path, asked("name")), change | named),
            ),
        ]
        for method, verb, answer, parameters in verbs:
            yield method, f"{policy}/{verb}", _on_policy(answer), parameters

    def _rows_of_reading(self) -> Iterable[_Row]:
        reading = self._reading
        network = "(?P<path>global/networks/[^/]+)"
        instance = "(?P<path>zones/[^/]+/instances/[^/]+)"
        anywhere = f"global|zones/[^/]+|regions/[^/]+|{ORGANIZATIONAL.rstrip('/')}"
        operation = f"(?P<path>({anywhere})/operations/[^/]+)"
        in_region = "(?P<scope>regions/[^/]+)/(?P<collection>subnetworks|firewallPolicies)"
        aggregated = "aggregated/(?P<collection>instances|subnetworks|firewallPolicies|operations)"
        of_region = "regions/(?P<region>[^/]+)/firewallPolicies/getEffectiveFirewalls"
        of_global = "firewalls|networks|routes|firewallPolicies"
        parent = frozenset({"parentId"})
        return [
            ("GET", "", reading.project, NO_PARAMETERS),
            ("GET", f"{network}/getEffectiveFirewalls", reading.of_network, NO_PARAMETERS),
            ("GET", of_region, reading.of_region, frozenset({"network"})),
            ("GET", f"{instance}/getEffectiveFirewalls", reading.of_interface, frozenset({"networkInterface"})),
            ("GET", aggregated, reading.aggregated, AGGREGATED_PARAMETERS),
            ("GET", "(?P<collection>zones|regions)", reading.items, LIST_PARAMETERS),
            ("GET", f"global/(?P<collection>{of_global})", reading.items, LIST_PARAMETERS),
            ("GET", "(?P<scope>zones/[^/]+)/(?P<collection>instances)", reading.items, LIST_PARAMETERS),
            ("GET", in_region, reading.items, LIST_PARAMETERS),
            ("GET", f"(?P<scope>{anywhere})/(?P<collection>operations)", reading.items, LIST_PARAMETERS | parent),
            ("GET", "(?P<path>(zones|regions)/[^/]+)", reading.get, NO_PARAMETERS),
            ("GET", f"(?P<path>global/({of_global})/[^/]+)", reading.get, NO_PARAMETERS),
            ("GET", f"(?P<path>{ORGANIZATIONAL}firewallPolicies/[^/]+)", reading.get, NO_PARAMETERS),
            ("GET", instance, reading.get, NO_PARAMETERS),
            ("GET", "(?P<path>regions/[^/]+/(subnetworks|firewallPolicies)/[^/]+)", reading.get, NO_PARAMETERS),
            ("GET", operation, reading.get, parent),
            # Nothing is ever pending, so there is nothing to wait for.
            ("POST", f"{operation}/wait", reading.get, NO_PARAMETERS),
            ("DELETE", operation, reading.forget, parent),
        ]

    def _insert_for_node(self, call: Call) -> Json:
        return self._policies.insert(f"{ORGANIZATIONAL}firewallPolicies", call.body, call.parameters.get("parentId"))

    def _policies_of_node(self, call: Call) -> Json:
        found = self._policies.of_node(call.parameters.get("parentId"))
        return self._reading.listed(call, "firewallPolicies", f"{ORGANIZATIONAL}firewallPolicies", found)

    def _associations_of_node(self, call: Call) -> Json:
        return self._associations.of_node(call.parameters.get("targetResource"))


def _on_policy(answer: Callable[..., Json]) -> Callable[..., Json]:
    return lambda call, path: answer(path, call.parameters.get, call.body)


def _no_such_call(call: Call) -> ApiError:
    return ApiError(404, "notFound", f"The emulator has no {call.method} {call.path}")


def _add_places(store: Store) -> None:
    for kind, names in (("region", store.regions()), ("zone", store.zones())):
        for name in names:
            path = f"{kind}s/{name}"
            place: Json = {"kind": f"compute#{kind}", "name": name, "status": "UP", "selfLink": store.link(path)}
            if kind == "zone":
                place["region"] = store.link(f"regions/{name.rpartition('-')[0]}")
            store.put(path, place)


def _check_parameters(given: Mapping[str, str], known: frozenset[str]) -> None:
    for name in given:
        if name not in known | SYSTEM_PARAMETERS:
            raise ApiError(
                400,
                "badRequest",
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message.",
            )
