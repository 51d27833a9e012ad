"""What the shell asks of a Kubernetes cluster, dicts in and dicts out, and how that can fail.

    ClusterError          ── something asked of the cluster was not done
    ├── Unreachable       ── no answer, an answer too late, 429 or 5xx: later may be better
    ├── Forbidden         ── 401, 403: later is better only if somebody grants it
    ├── NotFound          ── 404, 410: the object, or the whole kind, is not there
    ├── Conflict          ── 409: it exists already, or is not the one that was meant (uid)
    └── Refused           ── 400, 413, 422: the same will be refused again

Each keeps the client's own exception as its cause. Failing to gather is data; failing to apply is one of these, and the work
queue tries again.
"""

# ruff: noqa: N818 - the tree reads as sentences; "Error" stands at its root

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

FIELD_MANAGER = "pathcheck"

Body = Mapping[str, Any]


class ClusterError(Exception):
    """Something asked of the cluster was not done."""


class Unreachable(ClusterError):
    """No answer, an answer too late, or one that says: not now."""


class Forbidden(ClusterError):
    """We may not."""


class NotFound(ClusterError):
    """It is not there."""


class Conflict(ClusterError):
    """It exists already, or is not the one that was meant."""


class Refused(ClusterError):
    """The API server will never take this."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as its URL spells it; the core group is ""."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """`/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE`."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = ["namespaces", namespace, self.plural] if namespace else [self.plural]
        return "/".join([root, *(part for part in (*parts, name, subresource) if part)])

    def __str__(self) -> str:
        return self.plural


NODES = Resource("", "v1", "nodes")
SERVICES = Resource("", "v1", "services")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
PODS = Resource("", "v1", "pods")
SECRETS = Resource("", "v1", "secrets")
CONFIG_MAPS = Resource("", "v1", "configmaps")
DAEMON_SETS = Resource("apps", "v1", "daemonsets")
IP_POOLS = Resource("crd.projectcalico.org", "v1", "ippools")
EVENTS = Resource("events.k8s.io", "v1", "events")
PATH_CHECKS = Resource("pathcheck.dev", "v1alpha1", "pathchecks")
PATH_PROBES = Resource("pathcheck.dev", "v1alpha1", "pathprobes")
FIREWALL_CHANGES = Resource("pathcheck.dev", "v1alpha1", "firewallchanges")


class KubeApi(Protocol):
    """Every call raises ClusterError and nothing else, within its own time limit. Names and namespaces are those in the body."""

    async def apply(self, resource: Resource, body: Body, subresource: str = "") -> Body:
        """Server-side apply as FIELD_MANAGER, forced; the object as it is now. A body with a uid never creates another object."""

    async def create(self, resource: Resource, body: Body) -> Body:
        """The object as it is now. Conflict if there is one of this name."""

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Body:
        """One object."""

    async def read_all(self, resource: Resource) -> tuple[Body, ...]:
        """All objects of a kind, in every namespace."""

    async def census(
        self, resource: Resource, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[frozenset[str], int]:
        """The uids of all objects of a kind, and the resourceVersion they are listed at; in pages, without the objects."""

    async def delete(self, resource: Resource, name: str, namespace: str | None = None, uid: str = "") -> None:
        """NotFound if it is gone already; with a uid, Conflict if it is another one by now."""
