"""All resources of the emulated project in one mapping from path to JSON, as the API's own URLs order them.

A path is relative to the project: `global/firewalls/x`, `zones/us-east1-b/instances/y`; `locations/global/…` is what
belongs to an organization. The store knows names and places, not meanings; who may change what is decided elsewhere.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from e2e.lab.cloud.clock import Clock

Json = dict[str, Any]

# As the API writes its own links; clients compare and parse them, they do not follow them.
ROOT = "https://www.googleapis.com/compute/v1/"
RECORDING_FORMAT = "pathcheck-recording/1"
# What belongs to organizations and folders and to no project.
ORGANIZATIONAL = "locations/global/"
DEFAULT_ENFORCEMENT_ORDER = "AFTER_CLASSIC_FIREWALL"

# What a recording holds besides firewalls: its key there, and the last-but-one segment of the path of each.
_COLLECTIONS = {"networks": "network", "subnetworks": "subnetwork", "routes": "route", "instances": "instance"}


class SeedError(ValueError):
    """The recording to start from cannot be used; the message names the field."""


class Store:
    """One project's resources, and the clock that dates them. Not safe for threads: the caller holds a lock."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.clock = Clock()
        self._resources: dict[str, Json] = {}

    def get(self, path: str) -> Json | None:
        """The resource at a path relative to the project."""
        return self._resources.get(path)

    def put(self, path: str, resource: Json) -> None:
        """Adds a resource or replaces the one that is there."""
        self._resources[path] = resource

    def remove(self, path: str) -> None:
        """Removes a resource.

        Raises:
            KeyError: there is none at that path.
        """
        del self._resources[path]

    def within(self, parent: str) -> list[Json]:
        """The resources of one collection in one scope, as `global/firewalls`, in the order of their names."""
        return [self._resources[path] for path in sorted(self._resources) if path.rpartition("/")[0] == parent]

    def everywhere(self, collection: str) -> dict[str, list[Json]]:
        """The resources of a collection by scope (`zones/us-east1-b`), for scopes that have some."""
        found: dict[str, list[Json]] = {}
        for path in sorted(self._resources):
            scope, _, rest = path.partition(f"/{collection}/")
            if rest and "/" not in rest:
                found.setdefault(scope, []).append(self._resources[path])
        return found

    def zones(self) -> list[str]:
        """The names of the zones in which something is."""
        return self._places("zones")

    def regions(self) -> list[str]:
        """The names of the regions in which something is, by itself or by its zone."""
        return sorted({*self._places("regions"), *(zone.rpartition("-")[0] for zone in self.zones())})

    def _places(self, kind: str) -> list[str]:
        return sorted({path.split("/")[1] for path in self._resources if path.startswith(f"{kind}/")})

    def link(self, path: str) -> str:
        """The full URL of what is at a path."""
        return ROOT + self.full_name(path)

    def full_name(self, path: str) -> str:
        """The path as error messages have it: `projects/p/global/firewalls/x`."""
        return path if path.startswith(ORGANIZATIONAL) else f"projects/{self.project}/{path}"

    def path_of_link(self, link: str) -> str:
        """The path of one of the store's own links."""
        return link.removeprefix(ROOT).removeprefix(f"projects/{self.project}/")


def path_of(link: str) -> str:
    """The path relative to the project from a full or partial URL; '' if it is none.

    `https://www.googleapis.com/compute/v1/projects/p/global/networks/n`, `projects/p/global/networks/n` and
    `global/networks/n` are all documented forms (https://docs.cloud.google.com/compute/docs/reference/rest/v1/firewalls).
    """
    _, found, rest = link.partition("projects/")
    if found:
        return rest.partition("/")[2]
    return link if link.startswith(("global/", "zones/", "regions/")) else ""


def new_id() -> str:
    """A resource's id: an unsigned 64-bit number as text."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def new_fingerprint() -> str:
    """What a resource's state is known by until its next change: bytes in base64's URL-safe letters, as gcloud decodes them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(8)).decode()


def seeded(recording: Mapping[str, Any]) -> Store:
    """A store with a recording's networks, subnetworks, routes and instances; its firewalls are added by the caller.

    Output-only fields that a recording leaves out are filled in as the API would.

    Raises:
        SeedError: it is no recording, or a resource has no name or lies nowhere.
    """
    if recording.get("format") != RECORDING_FORMAT:
        raise SeedError(f"format must be {RECORDING_FORMAT!r}, not {recording.get('format')!r}")
    project = recording.get("project")
    if not isinstance(project, str) or not project:
        raise SeedError("project must be the project's id")
    store = Store(project)
    for collection, kind in _COLLECTIONS.items():
        for index, given in enumerate(_resources(recording, collection)):
            scope, path = _place(store, collection, given, f"{collection}[{index}]")
            if store.get(path) is not None:
                raise SeedError(f"{collection}[{index}]: {path} is there twice")
            output_only: Json = {
                "kind": f"compute#{kind}",
                "id": new_id(),
                "creationTimestamp": store.clock.timestamp(),
                "selfLink": store.link(path),
            }
            if collection == "networks":
                output_only["networkFirewallPolicyEnforcementOrder"] = DEFAULT_ENFORCEMENT_ORDER
            if collection == "instances":
                # An instance without tags has a fingerprint of them, and clients count on it.
                output_only["tags"] = {"fingerprint": new_fingerprint()}
            store.put(path, output_only | given | scope)
    return store


def _resources(recording: Mapping[str, Any], key: str) -> Iterable[Json]:
    resources = recording.get(key, [])
    if not isinstance(resources, list) or not all(isinstance(resource, dict) for resource in resources):
        raise SeedError(f"{key} must be a list of objects")
    return resources


def _place(store: Store, collection: str, resource: Json, field: str) -> tuple[Json, str]:
    """The resource's scope as a field with a full link, and its path."""
    name = resource.get("name")
    if not isinstance(name, str) or not name:
        raise SeedError(f"{field}.name must be set")
    if collection in ("networks", "routes"):
        return {}, f"global/{collection}/{name}"
    scope = "zone" if collection == "instances" else "region"
    place = str(resource.get(scope, "")).rpartition("/")[2]
    if not place:
        raise SeedError(f"{field}.{scope} must be set ({name})")
    return {scope: store.link(f"{scope}s/{place}")}, f"{scope}s/{place}/{collection}/{name}"
