"""The child process that asks the Compute API: JSON lines in, JSON lines out, the only place where Google's client is imported.

    {"read": {"project": P, "instances": [{"zone": Z, "name": N}, …]}}  ─▶  {"recording": {…}}
    {"audit": {…}}, the body of Cloud Logging's entries.list            ─▶  {"entries": […], "clockAheadSeconds"?: S, "truncated"?: true}
                                                              or either ─▶  {"error": {"kind": K, "why": …, "permission"?: …}}

with K one of forbidden, rate-limited, unavailable, invalid. Without `instances` all machines of the project are meant. It ends when its
input does, and writes nothing else to its output.

A process of its own because the client costs over 100 MiB and a second to import. And the *raw* answers because its typed messages
drop every field that the installed version does not know: a match condition among those would make a rule look broader than it is. So
the client does what it is good at (paging, credentials, errors), and a hook on its session keeps each body as it came.

Three other APIs are asked without a client: Network Security for address groups and Resource Manager for the machines' secure tags, only
where a rule of a firewall policy refers to them, and Cloud Logging for who changed something. Whatever they answer costs no more than
what depends on it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from time import time
from types import SimpleNamespace
from typing import Any

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
SCOPE = "https://www.googleapis.com/auth/compute.readonly"
# The only one that Network Security takes; Resource Manager has a narrower one, and a second token would buy nothing.
WIDE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Secure tags are told one machine a call: of the machines beyond, nobody knows them.
MOST_MACHINES_WITH_TAGS = 200
# Pages of the audit log, of a thousand entries each at most: any may have fewer, or none.
MOST_PAGES = 50
CALL_SECONDS = 5.0
# Of all tries of one call together; the client itself retries 503 and 504 only, and waits ten minutes for an answer.
RETRY_SECONDS = 8.0
ENDPOINT = "PATHCHECK_COMPUTE_ENDPOINT"

Json = dict[str, Any]


class ReadError(Exception):
    """A call that failed for good; `kind` and `permission` as in the protocol."""

    def __init__(self, kind: str, why: str, permission: str = "") -> None:
        super().__init__(why)
        self.kind = kind
        self.permission = permission


class Reader:
    """The clients, made once they are needed.

    `endpoint` is http://HOST:PORT of an emulator, which takes no credentials; "" is Google's own.
    """

    def __init__(self, endpoint: str = "") -> None:
        self._bodies: list[Json] = []
        self._endpoint = endpoint
        self._other: Any = None
        self._ahead: float | None = None
        self._clients: SimpleNamespace | None = None
        self._call = _call_options()

    @property
    def _compute(self) -> SimpleNamespace:
        """Not made for the audit log alone: they cost a second and 100 MiB."""
        if self._clients is None:
            from google.cloud import compute_v1

            arguments = self._client_arguments()

            def client(kind: Callable[..., Any]) -> Any:
                made = kind(**arguments)
                made.transport._session.hooks["response"].append(self._keep)
                return made

            self._clients = SimpleNamespace(
                firewalls=client(compute_v1.FirewallsClient),
                instances=client(compute_v1.InstancesClient),
                networks=client(compute_v1.NetworksClient),
                subnetworks=client(compute_v1.SubnetworksClient),
                routes=client(compute_v1.RoutesClient),
                policies=client(compute_v1.RegionNetworkFirewallPoliciesClient),
            )
        return self._clients

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
                "compute.instances.list", lambda: self._compute.instances.aggregated_list(project=project, **self._call)
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
                "firewalls": partial(self._compute.firewalls.list, **ask),
                "networks": partial(self._compute.networks.list, **ask),
                "routes": partial(self._compute.routes.list, **ask),
                "subnetworks": partial(self._compute.subnetworks.aggregated_list, **ask),
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
        call = partial(self._compute.policies.get_effective_firewalls, **ask)
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
                found[name] = self._get("networksecurity", f"v1/{path}", {}, "networksecurity.addressGroups.get").get(
                    "items", []
                )
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
            body = self._get(
                f"{zone}-cloudresourcemanager", "v3/effectiveTags", ask, "compute.instances.listEffectiveTags"
            )
            tags += [tag["tagValue"] for tag in body.get("effectiveTags", [])]
            if not body.get("nextPageToken"):
                return tags
            ask["pageToken"] = body["nextPageToken"]

    def audit(self, body: Json) -> Json:
        """All pages of this question to the audit log, and by how many seconds the cloud's clock is ahead, as its answers tell.

        Raises ReadError.
        """
        found: list[Any] = []
        ask = dict(body)
        for _ in range(MOST_PAGES):
            page = self._other_call("POST", "logging", "v2/entries:list", "logging.logEntries.list", body=ask)
            found += page.get("entries", [])
            if not page.get("nextPageToken"):
                break
            ask["pageToken"] = page["nextPageToken"]
        ahead = {} if self._ahead is None else {"clockAheadSeconds": self._ahead}
        return {"entries": found, **ahead, **({"truncated": True} if page.get("nextPageToken") else {})}

    def _get(self, service: str, path: str, parameters: Mapping[str, str], permission: str) -> Json:
        return self._other_call("GET", service, path, permission, parameters)

    def _other_call(
        self,
        method: str,
        service: str,
        path: str,
        permission: str,
        parameters: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Json:
        """The body of one answer of an API that has no client here."""
        from google.api_core import exceptions

        def ask() -> Json:
            root = self._endpoint or f"https://{service}.googleapis.com"
            began = time()
            answer = self._session().request(
                method, f"{root}/{path}", params=parameters, json=body, timeout=CALL_SECONDS
            )
            self._ahead = _ahead(answer.headers.get("Date"), (began + time()) / 2)
            if answer.status_code != 200:
                raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]
            found = answer.json()
            return found if isinstance(found, dict) else {}

        try:
            return self._call["retry"](ask)()  # type: ignore[no-any-return]
        except Exception as error:
            raise _read_error(error, permission, service.rpartition("-")[2]) from error

    def _session(self) -> Any:
        """Made when it is first needed: most projects have neither secure tags nor address groups in their rules."""
        from google.auth.transport.requests import AuthorizedSession

        if self._other is None:
            self._other = AuthorizedSession(self._credentials(WIDE_SCOPE))  # type: ignore[no-untyped-call]
        return self._other

    def _credentials(self, scope: str) -> Any:
        if self._endpoint:
            from google.auth.credentials import AnonymousCredentials

            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        import google.auth

        credentials, _ = google.auth.default(scopes=[scope])
        return credentials

    def _client_arguments(self) -> Json:
        options = {"client_options": {"api_endpoint": self._endpoint}} if self._endpoint else {}
        return {"credentials": self._credentials(SCOPE), **options}

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
            raise _read_error(error, permission) from error
        return list(self._bodies)


def _ahead(date: str | None, ours: float) -> float | None:
    """By how many seconds the clock that wrote this Date header, cut to whole ones, is ahead of ours."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - ours if date else None
    except ValueError:
        return None


def _call_options() -> Json:
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    passing = (
        exceptions.TooManyRequests,
        exceptions.InternalServerError,
        exceptions.ServiceUnavailable,
        exceptions.GatewayTimeout,
    )
    retry = Retry(predicate=if_exception_type(*passing), initial=0.2, maximum=2.0, timeout=RETRY_SECONDS)
    return {"timeout": CALL_SECONDS, "retry": retry}


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


def _read_error(error: Exception, permission: str, api: str = "") -> ReadError:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    why = str(getattr(error, "message", "")) or str(error) or type(error).__name__
    # The client puts the request before the API's own sentence; what was asked is said by the list that it is for.
    why = re.sub(r"^[A-Z]+ https?://\S+: ", "", why)
    api = api or "the Compute API"
    if isinstance(error, exceptions.Forbidden):
        # Exceeded quota is a 403 too: https://cloud.google.com/compute/api-quota
        if "rateLimitExceeded" in str(error.errors) + why or "quota" in why.lower():
            return ReadError("rate-limited", why)
        named = re.search(r"'([a-z]+(?:\.[A-Za-z]+)+)' permission", why)
        return ReadError("forbidden", why, named.group(1) if named else permission)
    if isinstance(error, exceptions.TooManyRequests):
        return ReadError("rate-limited", why)
    if isinstance(error, exceptions.Unauthorized):
        # No permission would help, and nothing can be done without: the same is said to every call.
        return ReadError("unavailable", f"{api} does not take the credentials: {why}")
    if isinstance(error, exceptions.ClientError):
        return ReadError("invalid", why)
    if isinstance(error, GoogleAuthError):
        return ReadError("unavailable", f"no usable credentials: {why}")
    return ReadError("unavailable", f"{api} does not answer: {why}")


def serve(lines: Iterable[str], say: Callable[[str], None], endpoint: str) -> None:
    """Answer each request line with one line."""
    reader: Reader | None = None
    for line in lines:
        try:
            request = json.loads(line)
            wanted = request["audit"] if "audit" in request else request["read"]
            reader = reader or Reader(endpoint)
            answer: Json = (
                reader.audit(wanted)
                if "audit" in request
                else {"recording": reader.recording(wanted["project"], wanted.get("instances"))}
            )
        except ReadError as error:
            permission = {"permission": error.permission} if error.permission else {}
            answer = {"error": {"kind": error.kind, "why": str(error), **permission}}
        except (KeyError, TypeError, ValueError) as error:
            answer = {"error": {"kind": "invalid", "why": f"{type(error).__name__}: {error}"}}
        say(json.dumps(answer))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        serve(sys.stdin, _say, os.environ.get(ENDPOINT, ""))
    except (KeyboardInterrupt, BrokenPipeError):
        # The operator is going, or gone.
        os._exit(0)
