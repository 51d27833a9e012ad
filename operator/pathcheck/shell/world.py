"""What the watches have shown so far, as nouns, in plain dictionaries.

A body that yields an equal noun changes nothing: a node's heartbeat wakes nobody. What we wrote ourselves is put in as the API
server answered it, so that the next pass sees it before the watch brings it; an older body that the watch brings later is dropped
by its resourceVersion (comparable as a number: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from pathcheck.model.checks import PathCheck
from pathcheck.model.cluster import Backend, Node, ProbePod, Service
from pathcheck.model.drift import FirewallChange
from pathcheck.model.firewall import Problem
from pathcheck.model.probing import PathProbe
from pathcheck.shell.ports import (
    ENDPOINT_SLICES,
    FIREWALL_CHANGES,
    NODES,
    PATH_CHECKS,
    PATH_PROBES,
    PODS,
    SERVICES,
    Body,
    Resource,
)
from pathcheck.wire.firewall_changes import firewall_change_of
from pathcheck.wire.nodes import node_of
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.path_probes import path_probe_of
from pathcheck.wire.probe_pods import probe_pod_of
from pathcheck.wire.services import api_servers_of, backends_of, service_of

log = structlog.get_logger()

Noun = Node | Service | tuple[Backend, ...] | PathCheck | PathProbe | ProbePod | FirewallChange
Name = tuple[str, str]

TRANSLATIONS: Mapping[Resource, Callable[[Mapping[str, Any]], Noun | Problem]] = {
    NODES: node_of,
    SERVICES: service_of,
    ENDPOINT_SLICES: backends_of,
    PATH_CHECKS: path_check_of,
    PATH_PROBES: path_probe_of,
    PODS: probe_pod_of,
    FIREWALL_CHANGES: firewall_change_of,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing is otherwise than before: None where it was not, or is no more."""

    resource: Resource
    before: Noun | None
    after: Noun | None


@dataclass(frozen=True, slots=True)
class _Held:
    noun: Noun
    uid: str
    version: int


class World:
    """`on_change` is called within `put` and `remove`, after the change. `complete` is set once the first lists of all kinds are in."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self.on_change: Callable[[Change], None] = lambda change: None
        self._held: dict[Resource, dict[Name, _Held]] = {resource: {} for resource in TRANSLATIONS}

    def put(self, resource: Resource, body: Body) -> None:
        """Something is there, or is otherwise."""
        name, metadata = _name(body), body["metadata"]
        had = self._held[resource].get(name)
        version = int(metadata.get("resourceVersion") or 0)
        if had is not None and had.uid == metadata.get("uid") and version < had.version:
            return
        noun = TRANSLATIONS[resource](body)
        if isinstance(noun, Problem):
            log.warning("cannot be read", kind=str(resource), object="/".join(filter(None, name)), error=str(noun))
            self.remove(resource, body)
            return
        self._held[resource][name] = _Held(noun, metadata.get("uid", ""), version)
        before = had.noun if had is not None else None
        if before != noun:
            self.on_change(Change(resource, before, noun))

    def remove(self, resource: Resource, body: Body) -> None:
        """It is gone; a successor of the same name that was seen already stays."""
        name, uid = _name(body), body["metadata"].get("uid")
        had = self._held[resource].get(name)
        if had is not None and uid in (None, had.uid):
            del self._held[resource][name]
            self.on_change(Change(resource, had.noun, None))

    def keep_only(self, resource: Resource, uids: frozenset[str], version: int) -> None:
        """Remove what was not there when these were listed: a watch that had to list anew says nothing of what it missed."""
        for (namespace, name), held in list(self._held[resource].items()):
            if held.uid not in uids and held.version <= version:
                self.remove(resource, {"metadata": {"namespace": namespace, "name": name, "uid": held.uid}})

    def nodes(self) -> dict[str, Node]:
        """By name."""
        return {held.noun.name: held.noun for held in self._held[NODES].values() if isinstance(held.noun, Node)}

    def services(self) -> dict[Name, Service]:
        """By namespace and name."""
        return {name: held.noun for name, held in self._held[SERVICES].items() if isinstance(held.noun, Service)}

    def backends(self) -> dict[Name, tuple[Backend, ...]]:
        """By the Service's namespace and name, those of all its slices."""
        found: dict[Name, list[Backend]] = {}
        for _, held in sorted(self._held[ENDPOINT_SLICES].items()):
            for backend in held.noun if isinstance(held.noun, tuple) else ():
                found.setdefault((backend.namespace, backend.service), []).append(backend)
        return {service: tuple(backends) for service, backends in found.items()}

    def api_servers(self) -> tuple[str, ...]:
        """host:port of each API server, by the endpoints of default/kubernetes."""
        return api_servers_of(self.backends().get(("default", "kubernetes"), ()))

    def checks(self) -> dict[str, PathCheck]:
        """By name."""
        return {
            held.noun.name: held.noun for held in self._held[PATH_CHECKS].values() if isinstance(held.noun, PathCheck)
        }

    def probes(self) -> dict[str, PathProbe]:
        """By node."""
        return {
            held.noun.node: held.noun for held in self._held[PATH_PROBES].values() if isinstance(held.noun, PathProbe)
        }

    def pods(self) -> dict[str, ProbePod]:
        """By node."""
        return {held.noun.node: held.noun for held in self._held[PODS].values() if isinstance(held.noun, ProbePod)}

    def changes(self) -> tuple[FirewallChange, ...]:
        """What became of the firewall, in its order."""
        found = [h.noun for h in self._held[FIREWALL_CHANGES].values() if isinstance(h.noun, FirewallChange)]
        return tuple(sorted(found, key=lambda change: change.number))


def _name(body: Body) -> Name:
    return body["metadata"].get("namespace") or "", body["metadata"]["name"]
