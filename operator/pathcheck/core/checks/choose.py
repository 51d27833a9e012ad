"""Which nodes does a choice mean, and what of it does not exist?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pathcheck.model.checks import NodeChoice, Requirement
from pathcheck.model.cluster import Node
from pathcheck.model.firewall import Problem
from pathcheck.model.plans import Objection
from pathcheck.model.words import Reason


def choose(choice: NodeChoice, field: str, nodes: Mapping[str, Node]) -> tuple[list[str], tuple[Objection, ...]]:
    """The names of the nodes, in the order written or else by name, and what stands against the choice; `field` is where it is."""
    if choice.names:
        missing = tuple(
            Objection(Reason.NODE_NOT_FOUND, Problem(f"{field}.names[{index}]", f"node {name} does not exist"))
            for index, name in enumerate(choice.names)
            if name not in nodes
        )
        return [name for name in choice.names if name in nodes], missing
    chosen = sorted(name for name, node in nodes.items() if _selected(choice, node.labels))
    if chosen:
        return chosen, ()
    return [], (Objection(Reason.NO_NODES_SELECTED, Problem(f"{field}.selector", "selects no node")),)


def _selected(choice: NodeChoice, labels: Mapping[str, str]) -> bool:
    wanted = (choice.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in wanted) and _all_met(choice.match_expressions, labels)


def _all_met(requirements: Iterable[Requirement], labels: Mapping[str, str]) -> bool:
    """metav1.LabelSelector: NotIn is met by a node without the label."""
    return all(
        {
            "In": r.key in labels and labels[r.key] in r.values,
            "NotIn": r.key not in labels or labels[r.key] not in r.values,
            "Exists": r.key in labels,
            "DoesNotExist": r.key not in labels,
        }[r.operator]
        for r in requirements
    )
