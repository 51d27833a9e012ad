"""What the user keeps in files: PathCheck manifests, and what kubectl says of the cluster.

Nothing is passed over in silence: other kinds are counted, and everything that is wrong with a PathCheck is one line that names the
file, the resource and the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.reading import read_json
from pathcheck.core.changes.whatif import Known
from pathcheck.model.checks import PathCheck
from pathcheck.model.cluster import Backend, Node, Service
from pathcheck.model.firewall import Firewall
from pathcheck.model.words import Evidence
from pathcheck.wire.compute import shown
from pathcheck.wire.nodes import node_of
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.schema import API_VERSION, GROUP
from pathcheck.wire.services import backends_of, service_behind, service_of

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
# libyaml's parser where there is one: a hundred manifests take a second with the other.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manifests:
    """The checks, all to be answered by prediction, and how many resources of other kinds there were."""

    checks: tuple[PathCheck, ...]
    others: int


def read_checks(paths: Sequence[Path]) -> Manifests:
    """All PathChecks in these files and directories, by name.

    Raises BadInput with a line for everything that is wrong.
    """
    wrong: list[str] = []
    found: dict[str, tuple[Path, PathCheck]] = {}
    others = 0
    for path in _files(paths, wrong):
        for place, body in _resources(path, wrong):
            if body.get("kind") != "PathCheck" or not str(body.get("apiVersion", "")).startswith(f"{GROUP}/"):
                others += 1
                continue
            check = _check(body, place, wrong)
            if check is None:
                continue
            if check.name in found:
                wrong.append(f"{place}: PathCheck {check.name}: is in {found[check.name][0]} as well")
            found[check.name] = (path, check)
    if wrong:
        raise BadInput(*wrong)
    if not found:
        raise BadInput(f"-f: no PathCheck in {', '.join(map(str, paths))} ({others} resources of other kinds)")
    return Manifests(tuple(check for _, (_, check) in sorted(found.items())), others)


def _files(paths: Iterable[Path], wrong: list[str]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
            if not inside:
                wrong.append(f"-f: {path} has no {', '.join(sorted(_SUFFIXES))} file")
            yield from inside
        else:
            yield path


def _resources(path: Path, wrong: list[str]) -> Iterator[tuple[str, Raw]]:
    """Each resource with the file it is in; lists are taken apart."""
    try:
        documents = list(yaml.load_all(path.read_bytes(), Loader=_LOADER))
    except OSError as error:
        wrong.append(f"-f: {path}: {error.strerror}")
        return
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        wrong.append(f"-f: {path}: is no YAML: {' '.join(str(error).split())}")
        return
    for document in documents:
        if document is None:
            continue
        listed = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else [document]
        for body in listed if isinstance(listed, list) else [listed]:
            if isinstance(body, dict) and isinstance(body.get("kind"), str):
                yield str(path), body
            else:
                wrong.append(f"-f: {path}: a document is no Kubernetes resource: it has no kind")


def _check(body: Raw, place: str, wrong: list[str]) -> PathCheck | None:
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        wrong.append(f"{place}: PathCheck: metadata.name is missing")
        return None
    said = f"{place}: PathCheck {shown(name)}"
    if body["apiVersion"] != API_VERSION:
        wrong.append(f"{said}: apiVersion: is {body['apiVersion']!r}, expected {API_VERSION!r}")
        return None
    # A status is the cluster's business; the field may hold anything.
    check = path_check_of({"metadata": {"name": name}, "spec": body.get("spec")})
    wrong += [f"{said}: {shown(problem)}" for problem in check.problems]
    return replace(check, evidence=Evidence.PREDICTED)


def read_nodes(path: Path | None, firewall: Firewall) -> Known:
    """What `kubectl get nodes -o json` says, with Services and EndpointSlices where they are asked for as well; without a file, the
    recording's machines.

    Raises BadInput.
    """
    return Known(_machines(firewall)) if path is None else cluster_in(path)


def cluster_in(path: Path) -> Known:
    """What of nodes, Services and EndpointSlices `kubectl get … -o json` says.

    Raises BadInput.
    """
    listed = read_json("--nodes", path, (object,))
    nodes: dict[str, Node] = {}
    services: dict[tuple[str, str], Service] = {}
    backends: dict[tuple[str, str], tuple[Backend, ...]] = {}
    for place, kind, body in _bodies(listed, path):
        try:
            if kind == "Node":
                node = node_of(body)
                nodes[node.name] = node
            elif kind == "Service":
                service = service_of(body)
                services[service.namespace, service.name] = service
            elif kind == "EndpointSlice" and (key := service_behind(body)) is not None:
                backends[key] = (*backends.get(key, ()), *backends_of(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"--nodes: {path}: {place} is no {kind}: {error!r}") from None
    if not nodes:
        raise BadInput(f"--nodes: {path}: has no Node")
    return Known(nodes, services or None, backends, labelled=True)


def _bodies(listed: object, path: Path) -> Iterator[tuple[str, object, Any]]:
    """Each object with its place and its kind: of a List, of a list of one kind, whose items need not say it, or one alone."""
    kind = str(listed.get("kind")) if isinstance(listed, dict) else ""
    if isinstance(listed, dict) and kind == "Node":
        yield "it", kind, listed
        return
    items = listed.get("items") if isinstance(listed, dict) else None
    if not isinstance(items, list):
        raise BadInput(f"--nodes: {path}: items: must be a list, as of kubectl get nodes -o json")
    for index, body in enumerate(items):
        own = body.get("kind") if isinstance(body, dict) else None
        yield f"items[{index}]", own or kind.removesuffix("List"), body


def _machines(firewall: Firewall) -> dict[str, Node]:
    """Every machine to which a range is delivered beside its own address is taken for a node."""
    nodes: dict[str, Node] = {}
    for machine in firewall.instances:
        ranges = tuple(r for i in machine.interfaces for r in (*i.alias_ranges, *i.routed_ranges))
        name = machine.name if len(firewall.machines(machine.name)) == 1 else f"{machine.zone}/{machine.name}"
        if ranges:
            nodes[name] = Node(name, {}, pod_ranges=ranges, instance=machine.name, zone=machine.zone)
    return nodes
