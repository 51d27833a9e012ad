"""Single packets between the lab's nodes: does this one arrive now?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from e2e.engine.asking import NODES
from e2e.lab.topology import ROUTER_NAMESPACE
from e2e.network_of import Host
from e2e.packets.exchange import Exchange

# Addresses of the pod ranges that no pod has: nobody answers, and nobody has to.
PODS = {name: str(node.pods[250]) for name, node in NODES.items()}
ADDRESSES = {name: str(node.address) for name, node in NODES.items()}


class Wires(Exchange):
    """The exchange of the packet comparison, in a network where others have connections."""

    def forget(self) -> None:
        """Nothing: of TCP and UDP no packet here looks like the reply to another, and the cluster's connections are to live on."""


@contextmanager
def wires() -> Iterator[Exchange]:
    """Open on all nodes."""
    hosts = [Host(NODES[name].namespace, name, ADDRESSES[name], PODS[name], ()) for name in NODES]
    with Wires(ROUTER_NAMESPACE, hosts) as opened:
        yield opened
