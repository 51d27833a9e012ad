"""How does the pod network carry packets? What the cluster's objects say, weighed against where the cloud routes the pods.

A program that carries packets and says how is believed; two that say different things are not. Where no such program is known the
routes decide: whoever lets the cloud deliver pod ranges to the nodes' machines does not need one. If some nodes' ranges are delivered
and one's is not, that is not another data path but a missing route (core/ways/route.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pathcheck.model.cluster import Node
from pathcheck.model.datapath import Datapath, Kind, Masquerade, Shown
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range


def datapath_of(shown: Shown, nodes: Mapping[str, Node], firewall: Firewall) -> Datapath:
    """The data path, and how it masquerades; UNKNOWN with the reason where the evidence does not tell."""
    found = shown.chosen or _told(shown, nodes.values()) or _by_routes(shown, nodes.values(), firewall)
    masquerade = shown.masquerade or found.masquerade
    if masquerade is None:
        # What nobody routes cannot leave a node with a pod's address.
        masquerade = Masquerade() if found.kind is Kind.NATIVE else Masquerade((), True)
    return replace(found, masquerade=masquerade)


def _told(shown: Shown, nodes: Iterable[Node]) -> Datapath | None:
    """What the programs and the nodes' annotations agree on; None where neither says anything."""
    noted = [node.datapath for node in nodes]
    notes = list(dict.fromkeys(note for note in noted if note is not None))
    wireguard = next((note for note in notes if note.kind is Kind.WIREGUARD), None)
    if wireguard is not None and all(note is not None and note.kind is Kind.WIREGUARD for note in noted):
        return wireguard  # inside it the packets may be carried once more, which nobody on the way sees
    if wireguard is not None:
        return Datapath(
            Kind.UNKNOWN, why=f"not every node has what {wireguard.evidence} has, so not every pair uses it"
        )
    told = [*shown.programs, *notes]
    known = [datapath for datapath in told if datapath.kind is not Kind.UNKNOWN]
    if not known:
        return told[0] if told else None
    other = next((datapath for datapath in known if datapath.kind is not known[0].kind), None)
    if other is not None:
        one, two = (f"{d.evidence} says {d.kind.spoken}" for d in (known[0], other))
        return Datapath(Kind.UNKNOWN, why=f"{one}, but {two}")
    # A program's own configuration has the port; a node's annotation only the kind.
    return known[0]


def _by_routes(shown: Shown, nodes: Iterable[Node], firewall: Firewall) -> Datapath:
    also = f" ({shown.unread})" if shown.unread else ""
    compared = [
        (node, r) for node in nodes for r in node.pod_ranges if node.instance and firewall.machines(node.instance)
    ]
    if not compared:
        # Whoever asks the firewall about such a flow is told that it knows no machine of it, which is the better sentence.
        return Datapath(Kind.NATIVE, evidence="")
    covered = [r for node, r in compared if _delivered(node, r, firewall)]
    if len(covered) == len(compared):
        return Datapath(Kind.NATIVE, evidence=f"every node's pod range is delivered to its machine{also}")
    if covered:
        return Datapath(Kind.NATIVE, evidence=f"other nodes' pod ranges are delivered to their machines{also}")
    if firewall.routes is None:
        unread = f"could not be read{also}{firewall.unread('routes')}"
        return Datapath(
            Kind.UNKNOWN,
            why=f"no program that carries packets is known here, and the routes, which would tell, {unread}",
        )
    return Datapath(
        Kind.UNKNOWN,
        why=f"no program that carries packets is known here, and no node's pod range is delivered to a machine{also}",
    )


def _delivered(node: Node, pod_range: Range, firewall: Firewall) -> bool:
    """By an alias range of its machine, or by a static route for that range, wherever it leads."""
    assert node.instance is not None
    interfaces = [i for machine in firewall.machines(node.instance) for i in machine.interfaces]
    ranges = [r for i in interfaces for r in (*i.alias_ranges, *i.routed_ranges)]
    # A route to a machine that is gone is one that once was right.
    ranges += [route.destination for route in firewall.routes or () if route.destination == pod_range]
    return any(_within(pod_range, r) for r in ranges)


def _within(inner: Range, outer: Range) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
