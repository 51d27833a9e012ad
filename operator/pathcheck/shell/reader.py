"""The child process that asks the Compute API: JSON lines in, JSON lines out; the only place where its client is imported.

    {"read": {"project": P, "instances": [{"zone": Z, "name": N}, …]}}  ─▶  {"recording": {…}}
    {"audit": {…}}, the body of Cloud Logging's entries.list            ─▶  {"entries": […], "clockAheadSeconds"?: S, "truncated"?: true}
                                                              or either ─▶  {"error": {"kind": K, "why": …, "permission"?: …}}

with K one of forbidden, rate-limited, unavailable, invalid. Without `instances` all machines of the project are meant. It ends when its
input does, and writes nothing else to its output.

A process of its own because the client costs over 100 MiB and a second to import. And the *raw* answers because its typed messages
drop every field that the installed version does not know: a match condition among those would make a rule look broader than it is. So
the client does what it is good at (paging, credentials, errors), and a hook on its session keeps each body as it came.

Other APIs (google_calls.py) are asked where a rule of a firewall policy refers to them, for address groups and machines' secure tags, and
for the audit log. Whatever they answer costs no more than what depends on it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pathcheck.shell.google_calls import (
    COMPUTE_SCOPE,
    Json,
    OtherApis,
    ReadError,
    call_options,
    credentials,
    read_error,
)
from pathcheck.shell.references import instance_keys, references_of, zone_of

# Of an instance only what decides packets: the rest is large, and its metadata holds credentials.
INSTANCE_FIELDS = (
    "kind",
    "id",
    "name",
    "zone",
    "status",
    "canIpForward",
    "tags",
    "serviceAccounts",
    "networkInterfaces",
    "selfLink",
)
# Secure tags are told one machine a call: of the machines beyond, nobody knows them.
MOST_MACHINES_WITH_TAGS = 200
ENDPOINT = "PATHCHECK_COMPUTE_ENDPOINT"


class Reader:
    """The clients, made once. `others` asks the APIs that have none here."""

    def __init__(self, others: OtherApis) -> None:
        from google.cloud import compute_v1

        self._bodies: list[Json] = []
        self._others = others
        options = {"client_options": {"api_endpoint": others.endpoint}} if others.endpoint else {}
        self._arguments = {"credentials": credentials(others.endpoint, COMPUTE_SCOPE), **options}
        self._firewalls = self._client(compute_v1.FirewallsClient)
        self._instances = self._client(compute_v1.InstancesClient)
        self._networks = self._client(compute_v1.NetworksClient)
        self._subnetworks = self._client(compute_v1.SubnetworksClient)
        self._routes = self._client(compute_v1.RoutesClient)
        self._policies = self._client(compute_v1.RegionNetworkFirewallPoliciesClient)
        self._call = call_options()

    def _client(self, kind: Callable[..., Any]) -> Any:
        client = kind(**self._arguments)
        client.transport._session.hooks["response"].append(self._keep)
        return client

    def recording(self, project: str, instances: Iterable[Mapping[str, str]] | None = None) -> Json:
        """Everything that decides packets of these machines, or of all; of a project's others too, for rules name sources by tag.

        What may not be read but can be done without is in `unavailable`, with the permission that is missing.

        Raises ReadError.
        """
        unavailable: dict[str, str] = {}
        refused: list[ReadError] = []

        def optional(key: str, permission: str, call: Callable[[], list[Json]]) -> list[Json]:
            try:
                return self._raw(permission, call)
            except ReadError as error:
                if error.kind != "forbidden":
                    raise
                unavailable[key] = _said(error)
                if key == "firewalls":
                    refused.append(error)
                return []

        machines = [
            {key: raw[key] for key in INSTANCE_FIELDS if key in raw}
            for body in self._raw(
                "compute.instances.list", lambda: self._instances.aggregated_list(project=project, **self._call)
            )
            for scope in body.get("items", {}).values()
            for raw in scope.get("instances", [])
        ]
        wanted = set(map(_id, machines)) if instances is None else {(i["zone"], i["name"]) for i in instances}
        scopes = _scopes(machines, wanted, project)
        recording: Json = {"format": "pathcheck-recording/1", "project": project, "instances": machines}
        lists: dict[str, list[Json]] = {key: [] for key in ("networks", "subnetworks", "routes", "firewalls")}
        # With Shared VPC, networks and their rules belong to the host project.
        for owner in sorted({owner for owner, _, _ in scopes} or {project}):
            ask = {"project": owner, **self._call}
            calls = {
                "firewalls": partial(self._firewalls.list, **ask),
                "networks": partial(self._networks.list, **ask),
                "routes": partial(self._routes.list, **ask),
                "subnetworks": partial(self._subnetworks.aggregated_list, **ask),
            }
            for key, call in calls.items():
                lists[key] += [
                    item for body in optional(key, f"compute.{key}.list", call) for item in _items(body, key)
                ]
        effective = [self._effective(scope, project) for scope in sorted(scopes)]
        answers = [entry["answer"] for entry in effective if "answer" in entry]
        if refused and not lists["firewalls"] and not any("firewalls" in answer for answer in answers):
            raise refused[0]
        recording |= lists | ({"effectiveFirewalls": effective} if scopes else {})
        references = references_of(answers, project)
        recording["addressGroups"] = self._address_groups(references.groups, unavailable)
        # Targets are the machines that matter; by a source any machine may be meant.
        asked = [m for m in machines if references.tags and (references.sources or _id(m) in wanted)]
        recording["secureTagBindings"] = self._secure_tags(machines, asked, wanted, project, unavailable)
        return recording | ({"unavailable": unavailable} if unavailable else {})

    def _effective(self, scope: tuple[str, str, str], project: str) -> Json:
        """The answer for one network and region, or why there is none: that of the next one may be given all the same."""
        owner, network, region = scope
        path = f"projects/{owner}/global/networks/{network}"
        ask = {"project": owner, "region": region, "network": path, **self._call}
        entry: Json = {"network": network if owner == project else path, "region": region}
        call = partial(self._policies.get_effective_firewalls, **ask)
        try:
            (answer,) = self._raw("compute.networks.getRegionEffectiveFirewalls", call)
        except ReadError as error:
            if error.kind not in ("forbidden", "invalid"):
                raise
            return entry | {"unavailable": _said(error)}
        return entry | {"answer": answer}

    def _address_groups(self, paths: Mapping[str, str], unavailable: dict[str, str]) -> Json:
        """The ranges of each, by the name that a rule calls it."""
        found: Json = {}
        for name, path in sorted(paths.items()):
            try:
                found[name] = self._others.get(
                    "networksecurity", f"v1/{path}", {}, "networksecurity.addressGroups.get"
                ).get("items", [])
            except ReadError as error:
                unavailable["addressGroups"] = _said(error)
        return found

    def _secure_tags(
        self,
        machines: list[Json],
        asked: list[Json],
        wanted: set[tuple[str, str]],
        project: str,
        unavailable: dict[str, str],
    ) -> Json:
        """The tags of each machine that was asked for; null for one whose tags nobody knows, where some were asked for at all."""
        if not asked:
            return {}
        ids = {_id(m) for m in sorted(asked, key=lambda m: _id(m) not in wanted)[:MOST_MACHINES_WITH_TAGS]}
        found: Json = {}
        for key, machine in instance_keys(machines):
            try:
                found[key] = self._tags_of(machine, project) if _id(machine) in ids else None
            except ReadError as error:
                if error.kind == "forbidden":
                    # The next one would be refused as well.
                    unavailable["secureTagBindings"] = _said(error)
                    return {}
                found[key] = None
        return found

    def _tags_of(self, machine: Mapping[str, Any], project: str) -> list[str]:
        # Bindings are kept where the machine is: https://cloud.google.com/resource-manager/docs/tags/tags-creating-and-managing
        zone = zone_of(machine)
        parent = f"//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{machine.get('id')}"
        ask, tags = {"parent": parent, "pageSize": "300"}, []
        while True:
            body = self._others.get(
                f"{zone}-cloudresourcemanager", "v3/effectiveTags", ask, "compute.instances.listEffectiveTags"
            )
            tags += [tag["tagValue"] for tag in body.get("effectiveTags", [])]
            if not body.get("nextPageToken"):
                return tags
            ask["pageToken"] = body["nextPageToken"]

    def _keep(self, response: Any, *_: object, **__: object) -> None:
        if response.status_code == 200:
            self._bodies.append(response.json())

    def _raw(self, permission: str, call: Callable[[], Any]) -> list[Json]:
        """The bodies of all pages, as they came."""
        self._bodies.clear()
        try:
            answer = call()
            # A pager asks for the next page when it is walked to the end of this one; a single answer has come already.
            for _ in getattr(answer, "pages", ()):
                pass
        except Exception as error:
            raise read_error(error, permission) from error
        return list(self._bodies)


def _items(body: Json, key: str) -> list[Json]:
    """Of a list's answer, or of an aggregated one's scopes."""
    items = body.get("items", [])
    return [item for scope in items.values() for item in scope.get(key, [])] if isinstance(items, dict) else items


def _id(machine: Mapping[str, Any]) -> tuple[str, str]:
    return zone_of(machine), str(machine.get("name"))


def _scopes(machines: list[Json], wanted: set[tuple[str, str]], project: str) -> set[tuple[str, str, str]]:
    """(owner project, network, region) of every interface of the wanted machines."""
    found = set()
    for machine in machines:
        zone = zone_of(machine)
        if _id(machine) not in wanted:
            continue
        for interface in machine.get("networkInterfaces", []):
            owner, _, network = interface.get("network", "").rpartition("/global/networks/")
            found.add((owner.rpartition("projects/")[2] or project, network, zone.rpartition("-")[0]))
    return found


def _said(error: ReadError) -> str:
    """As a recording keeps it: with the missing permission, which Google's own sentence mostly names."""
    unsaid = error.permission and error.permission not in str(error)
    return f"{error} (missing permission {error.permission})" if unsaid else str(error)


def serve(lines: Iterable[str], say: Callable[[str], None], endpoint: str) -> None:
    """Answer each request line with one line."""
    others = OtherApis(endpoint)
    reader: Reader | None = None
    for line in lines:
        try:
            request = json.loads(line)
            if "audit" in request:
                answer: Json = others.audit(request["audit"])
            else:
                wanted = request["read"]
                # Not for the audit log: the clients cost a second and 100 MiB.
                reader = reader or _made(others)
                answer = {"recording": reader.recording(wanted["project"], wanted.get("instances"))}
        except ReadError as error:
            permission = {"permission": error.permission} if error.permission else {}
            answer = {"error": {"kind": error.kind, "why": str(error), **permission}}
        except (KeyError, TypeError, ValueError) as error:
            answer = {"error": {"kind": "invalid", "why": f"{type(error).__name__}: {error}"}}
        say(json.dumps(answer))


def _made(others: OtherApis) -> Reader:
    try:
        return Reader(others)
    except Exception as error:
        raise read_error(error, "") from error


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        serve(sys.stdin, _say, os.environ.get(ENDPOINT, ""))
    except (KeyboardInterrupt, BrokenPipeError):
        # The operator is going, or gone.
        os._exit(0)
