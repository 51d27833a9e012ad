"""Which permission a call needs, and on what: so that one can be taken away and the answer is Google's.

The method pages of https://docs.cloud.google.com/compute/docs/reference/rest/v1 name the permissions. Compute Engine's
refusal names permission and resource; the refusals of Network Security, Resource Manager and Logging are worded otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from e2e.lab.cloud.errors import ApiError, RpcError, forbidden
from e2e.lab.cloud.store import path_of

# https://docs.cloud.google.com/logging/docs/access-control; the sentence is in many a bug report.
_LOG_ENTRIES, _NO_LOG_ENTRIES = "logging.logEntries.list", "Permission denied for all log views"
_REGION_EFFECTIVE = "compute.networks.getRegionEffectiveFirewalls"
_PROJECT = "(?P<resource>projects/[^/]+)"
_SCOPE = "(?:global|zones/[^/]+|regions/[^/]+)"
_POLICY = rf"(?P<resource>(?:projects/[^/]+/{_SCOPE}|locations/global)/firewallPolicies/[^/]+)"
# (method, path, permission), the first that matches; `resource` in the path is what the permission is asked on, and
# {kind} in the permission the collection.
_ROWS = tuple(
    (method, re.compile(path), permission)
    for method, path, permission in (
        (
            "GET",
            r"(?P<resource>projects/[^/]+/global/networks/[^/]+)/getEffectiveFirewalls",
            "compute.networks.getEffectiveFirewalls",
        ),
        (
            "GET",
            rf"{_PROJECT}/regions/[^/]+/firewallPolicies/getEffectiveFirewalls",
            _REGION_EFFECTIVE,
        ),
        (
            "GET",
            r"(?P<resource>projects/[^/]+/zones/[^/]+/instances/[^/]+)/getEffectiveFirewalls",
            "compute.instances.getEffectiveFirewalls",
        ),
        ("POST", r"(?P<resource>projects/[^/]+/zones/[^/]+/instances/[^/]+)/setTags", "compute.instances.setTags"),
        ("GET", rf"{_POLICY}(?:/get[A-Za-z]+)?", "compute.firewallPolicies.get"),
        ("POST", rf"{_POLICY}/[a-zA-Z]+", "compute.firewallPolicies.update"),
        ("GET", r"(?P<resource>locations/global)/firewallPolicies", "compute.firewallPolicies.list"),
        ("POST", r"(?P<resource>locations/global)/firewallPolicies", "compute.firewallPolicies.create"),
        ("GET", rf"{_PROJECT}/(?:aggregated|{_SCOPE})/(?P<kind>[a-zA-Z]+)", "compute.{kind}.list"),
        ("GET", rf"{_PROJECT}/(?P<kind>zones|regions)", "compute.{kind}.list"),
        ("POST", rf"{_PROJECT}/{_SCOPE}/(?P<kind>[a-zA-Z]+)", "compute.{kind}.create"),
        ("GET", rf"(?P<resource>projects/[^/]+/{_SCOPE}/(?P<kind>[a-zA-Z]+)/[^/]+)", "compute.{kind}.get"),
        ("(?:PATCH|PUT)", rf"(?P<resource>projects/[^/]+/{_SCOPE}/(?P<kind>[a-zA-Z]+)/[^/]+)", "compute.{kind}.update"),
        ("PATCH", _POLICY, "compute.firewallPolicies.update"),
        ("DELETE", rf"(?P<resource>projects/[^/]+/{_SCOPE}/(?P<kind>[a-zA-Z]+)/[^/]+)", "compute.{kind}.delete"),
        ("DELETE", _POLICY, "compute.firewallPolicies.delete"),
        ("GET", _PROJECT, "compute.projects.get"),
        ("GET", r"v1/(?P<resource>[^/]+/[^/]+/locations/[^/]+)/addressGroups", "networksecurity.addressGroups.list"),
        (
            "GET",
            r"v1/(?P<resource>[^/]+/[^/]+/locations/[^/]+/addressGroups/[^/]+)",
            "networksecurity.addressGroups.get",
        ),
        ("GET", r"v3/(?P<resource>effectiveTags)", "compute.instances.listEffectiveTags"),
        ("GET", r"v3/(?P<resource>tagBindings)", "compute.instances.listTagBindings"),
        ("POST", r"v2/(?P<resource>entries:list)", _LOG_ENTRIES),
    )
)


@dataclass(frozen=True, slots=True)
class Needed:
    """What a call needs: a permission on a resource, whose name is relative to its API's root."""

    permission: str
    resource: str
    of_compute: bool

    def refused(self, permission: str) -> ApiError:
        """The answer to who has not this permission."""
        if self.of_compute:
            return forbidden(permission, self.resource)
        if self.permission == _LOG_ENTRIES:
            return RpcError(403, _NO_LOG_ENTRIES)
        return RpcError(403, f"Permission '{permission}' denied on '{self.resource}'")


def needed(method: str, path: str, parameters: Mapping[str, str]) -> Needed:
    """What a call on a path without the prefix /compute/v1 needs; of an unknown one no permission, on the path itself."""
    path = path.strip("/")
    of_compute = not path.startswith(("v1/", "v2/", "v3/"))
    for verb, pattern, permission in _ROWS:
        match = pattern.fullmatch(path) if re.fullmatch(verb, method) else None
        if match:
            found = match.groupdict()
            resource = found["resource"]
            if permission == _REGION_EFFECTIVE and "global/networks/" in parameters.get("network", ""):
                # The one call whose resource is a parameter.
                resource = f"{resource}/{path_of(parameters['network'])}"
            return Needed(permission.format(kind=found.get("kind")), resource, of_compute)
    return Needed("", path, of_compute)
