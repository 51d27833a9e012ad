"""The image store that every node starts with: filled by one containerd, once, and only linked into the nodes.

Importing 450 MB into each node at each start would cost more than all the rest of the start. What a containerd has
unpacked is never written again (containers write into layers of their own), so the nodes can share it: each has its own
copy of the two small databases, and links to the blobs and the unpacked layers.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from e2e.lab.errors import run
from e2e.lab.images import Images
from e2e.lab.nodes import CONTAINERD_SOCKET, import_line
from e2e.lab.places import cached, content_key, write
from e2e.lab.progress import Progress

# Directories of containerd's root, named by its plugins.
BLOBS = Path("io.containerd.content.v1.content/blobs/sha256")
SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs/snapshots")
DATABASES = (
    Path("io.containerd.metadata.v1.bolt/meta.db"),
    Path("io.containerd.snapshotter.v1.overlayfs/metadata.db"),
)


def filled(built: Images, progress: Progress) -> Path:
    """A containerd root directory with the lasting images, from the cache or filled now. Needs root.

    Raises:
        CommandError: containerd could not be run, or refused an image.
    """

    def make(place: Path) -> None:
        progress.say("filling the image store that the nodes share (once)")
        write(place / "containerd.toml", _configuration(place / "root"))
        # In namespaces of its own: what containerd mounts to unpack, and containerd itself, end with the script.
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        run([*namespaces, "sh", "-ec", _script(place, built.lasting)])

    key = content_key(["1", run(["containerd", "--version"]), *(layout.name for layout in built.lasting)])
    return cached("store", key, make) / "root"


def link(store: Path, containerd: Path) -> None:
    """Makes `containerd`, a node's containerd root that does not exist yet, hold what the store holds."""
    for database in DATABASES:
        (containerd / database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store / database, containerd / database)
    for directory in (BLOBS, SNAPSHOTS):
        (containerd / directory).mkdir(parents=True, exist_ok=True)
        for entry in (store / directory).iterdir():
            (containerd / directory / entry.name).symlink_to(entry)


def _script(place: Path, layouts: tuple[Path, ...]) -> str:
    imports = "\n".join(import_line(layout) for layout in layouts)
    return f"""mount -t tmpfs tmpfs /run
containerd --config {shlex.quote(str(place / "containerd.toml"))} >{shlex.quote(str(place / "log"))} 2>&1 &
until ctr version >/dev/null 2>&1; do kill -0 $!; sleep 0.1; done
{imports}
kill $!
wait"""


def _configuration(root: Path) -> str:
    return f"""version = 2
root = "{root}"
state = "/run/containerd"
# Kubernetes' side of containerd takes the images over when a node starts.
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = "{CONTAINERD_SOCKET}"
"""
