"""Which project, and which of its machines, do these nodes mean?"""

from __future__ import annotations

from collections.abc import Iterable

from pathcheck.model.cluster import Node, Scope


def scope_of(nodes: Iterable[Node], project: str = "") -> Scope | None:
    """The machines behind these nodes, of this project or else of the one that most of them are in.

    None where none is a Compute Engine machine, or none of that project.
    """
    machines = [(n.project, n.zone, n.instance) for n in nodes if n.project and n.zone and n.instance]
    projects = [owner for owner, _, _ in machines if project in ("", owner)]
    if not projects:
        return None
    chosen = max(sorted(set(projects)), key=projects.count)
    return Scope(chosen, tuple(sorted((zone, name) for owner, zone, name in machines if owner == chosen)))
