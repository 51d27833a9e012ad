"""The images that the nodes hold, each made once per content: there is no registry to pull from.

Lasting images are in every node before its first boot, as parts of the shared store. The probe and the operator change
with every line of code, so their lower layers are lasting images too, and only what is above is imported at boot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.lab import layers, python_images
from e2e.lab.errors import run
from e2e.lab.nodes import PAUSE_IMAGE
from e2e.lab.oci import Image
from e2e.lab.progress import Progress

BUSYBOX_IMAGE = "lab.local/busybox:1"
COREDNS_IMAGE = "lab.local/coredns:1"
PROBE_BASE_IMAGE = "lab.local/probe-base:1"
OPERATOR_BASE_IMAGE = "lab.local/operator-base:1"


@dataclass(frozen=True, slots=True)
class Images:
    """The OCI layout directories of all images."""

    lasting: tuple[Path, ...]
    probe: Path
    operator: Path

    @property
    def of_the_project(self) -> tuple[Path, ...]:
        """The images that are made of the working tree."""
        return (self.probe, self.operator)


def build(progress: Progress) -> Images:
    """All images, from the cache or built now.

    Raises:
        LabError: a part of them could not be had.
    """
    architecture = run(["dpkg", "--print-architecture"]).strip()
    busybox = layers.busybox()
    coredns = layers.coredns(progress)
    python = python_images.python_root(progress)
    probe = python_images.probe(architecture, python)
    operator = python_images.operator(architecture, python, progress)
    lasting = (
        # A pod's first container only has to live: no program of its own for that.
        Image(PAUSE_IMAGE, (busybox,), architecture, entrypoint=("/bin/sleep", "infinity")),
        Image(BUSYBOX_IMAGE, (busybox,), architecture, command=("sh",)),
        Image(COREDNS_IMAGE, (coredns,), architecture, entrypoint=("/coredns",)),
        Image(PROBE_BASE_IMAGE, probe.layers[:-1], architecture),
        Image(OPERATOR_BASE_IMAGE, operator.layers[:-1], architecture),
    )
    return Images(tuple(map(layers.layout, lasting)), layers.layout(probe), layers.layout(operator))
