"""The images that the nodes hold, each made once per content: there is no registry to pull from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.lab import layers
from e2e.lab.errors import run
from e2e.lab.nodes import PAUSE_IMAGE
from e2e.lab.oci import Image
from e2e.lab.progress import Progress
from e2e.lab.topology import Node, Topology

BUSYBOX_IMAGE = "lab.local/busybox:1"
COREDNS_IMAGE = "lab.local/coredns:1"


@dataclass(frozen=True, slots=True)
class Images:
    """The archives of all images."""

    pause: Path
    busybox: Path
    coredns: Path

    def for_node(self, topology: Topology, node: Node) -> tuple[Path, ...]:
        """What a node needs; what its first pods need in front."""
        return (self.pause, *((self.coredns,) if node == topology.dns_node else ()), self.busybox)


def build(progress: Progress) -> Images:
    """All images, from the cache or built now.

    Raises:
        LabError: a part of them could not be had.
    """
    architecture = run(["dpkg", "--print-architecture"]).strip()
    busybox = layers.busybox()
    coredns = layers.coredns(progress)
    return Images(
        # A pod's first container only has to live: no program of its own for that.
        pause=layers.archive(Image(PAUSE_IMAGE, (busybox,), architecture, entrypoint=("/bin/sleep", "infinity"))),
        busybox=layers.archive(Image(BUSYBOX_IMAGE, (busybox,), architecture, command=("sh",))),
        coredns=layers.archive(Image(COREDNS_IMAGE, (coredns,), architecture, entrypoint=("/coredns",))),
    )
