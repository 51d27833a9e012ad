"""Layers and images in the cache, and the two layers that are not Python: busybox and CoreDNS."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from e2e.lab import oci, toolchain
from e2e.lab.errors import run
from e2e.lab.places import cached, content_key
from e2e.lab.progress import Progress

BUSYBOX = Path("/bin/busybox")

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n"
GROUP = "root:x:0:\nnonroot:x:65532:\n"


def layer(kind: str, key: str, fill: Callable[[Path], None]) -> oci.Layer:
    """The layer of that kind and content key, from the cache, or made of what `fill(empty directory)` puts there."""

    def make(place: Path) -> None:
        root = place / "root"
        root.mkdir()
        fill(root)
        written = oci.write_layer(root, place / "layer.tar")
        (place / "digest").write_text(written.digest)
        shutil.rmtree(root)

    place = cached(f"layer-{kind}", key, make)
    return oci.Layer(place / "layer.tar", (place / "digest").read_text())


def layout(image: oci.Image) -> Path:
    """The image's OCI layout directory, from the cache or written now."""
    short = image.name.rpartition("/")[2].partition(":")[0]

    def make(place: Path) -> None:
        oci.write_layout(image, place)

    return cached(f"image-{short}", content_key([image.name, oci.config(image)]), make)


def busybox() -> oci.Layer:
    """A shell and its tools, at /bin, with root and nonroot (65532) as users."""
    program = BUSYBOX.read_bytes()

    def fill(root: Path) -> None:
        make_frame(root)
        (root / "bin").mkdir()
        target = root / "bin" / "busybox"
        target.write_bytes(program)
        target.chmod(0o755)
        for tool in run([str(BUSYBOX), "--list"]).split():
            if tool != "busybox":
                (root / "bin" / tool).symlink_to("busybox")

    return layer("busybox", content_key(["1", program, PASSWD, GROUP]), fill)


def coredns(progress: Progress) -> oci.Layer:
    """CoreDNS as /coredns.

    Raises:
        LabError: it cannot be built.
    """
    program = toolchain.build(toolchain.COREDNS, progress)

    def fill(root: Path) -> None:
        shutil.copy2(program, root / "coredns")

    # The program's directory is named by its content key.
    return layer("coredns", content_key(["1", program.parent.name]), fill)


def make_frame(root: Path) -> None:
    """The directories and account files that every root file system has."""
    for directory in ("dev", "etc", "proc", "root", "sys", "tmp"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text(PASSWD)
    (root / "etc" / "group").write_text(GROUP)
