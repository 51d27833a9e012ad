"""The images that the nodes hold, each made once per content: there is no registry to pull from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.lab import layers, python_images
from e2e.lab.errors import run
from e2e.lab.nodes import PAUSE_IMAGE
from e2e.lab.oci import Image
from e2e.lab.progress import Progress
from e2e.lab.topology import Node, Topology

BUSYBOX_IMAGE = "lab.local/busybox:1"
COREDNS_IMAGE = "lab.local/coredns:1"


@dataclass(frozen=True, slots=True)
class Images:
    """The OCI layout directories of all images."""

    pause: Path
    busybox: Path
    coredns: Path
    probe: Path
    operator: Path

    def for_node(self, topology: Topology, node: Node) -> tuple[Path, ...]:
        """What a node needs, in the order in which its first pods do; the big one only where the operator shall run."""
        resolver = (self.coredns,) if node == topology.dns_node else ()
        operator = (self.operator,) if node == topology.operator_node else ()
        return (self.pause, *resolver, self.probe, self.busybox, *operator)


def build(progress: Progress) -> Images:
    """All images, from the cache or built now.

    Raises:
        LabError: a part of them could not be had.
    """
    architecture = run(["dpkg", "--print-architecture"]).strip()
    busybox = layers.busybox()
    coredns = layers.coredns(progress)
    python = python_images.python_root(progress)
    return Images(
        # A pod's first container only has to live: no program of its own for that.
        pause=layers.layout(Image(PAUSE_IMAGE, (busybox,), architecture, entrypoint=("/bin/sleep", "infinity"))),
        busybox=layers.layout(Image(BUSYBOX_IMAGE, (busybox,), architecture, command=("sh",))),
        coredns=layers.layout(Image(COREDNS_IMAGE, (coredns,), architecture, entrypoint=("/coredns",))),
        probe=layers.layout(python_images.probe(architecture, python)),
        operator=layers.layout(python_images.operator(architecture, python, progress)),
    )
