"""Writes container images as OCI image layouts, which `ctr images import` takes as a tar. No engine, no registry.

Formats: https://github.com/opencontainers/image-spec (image-layout, manifest, config, layer). Layers are not compressed:
they are read once, from the same disk. The same content gives the same bytes, so digests can be compared.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_STANDARD_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's tar file; `digest` is `sha256:…` of its bytes."""

    tar: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image to be: `name` as Kubernetes writes it, `user` as `uid:gid` or empty for root."""

    name: str
    layers: tuple[Layer, ...]
    architecture: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""


def full_name(name: str) -> str:
    """The name under which a container runtime looks an image up: `busybox:1` is `docker.io/library/busybox:1`."""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    if "." in first or ":" in first or first == "localhost":
        return name
    return f"docker.io/{name}"


def write_layer(root: Path, tar: Path) -> Layer:
    """Packs everything below `root`, owned by root, with the modes it has and no times."""
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=_anonymous)
    with tar.open("rb") as file:
        return Layer(tar, "sha256:" + hashlib.file_digest(file, "sha256").hexdigest())


def config(image: Image) -> bytes:
    """The image's configuration blob; its digest is the image's identity for Kubernetes (`imageID`)."""
    return _json(
        {
            "architecture": image.architecture,
            "os": "linux",
            "config": {
                "Entrypoint": list(image.entrypoint),
                "Cmd": list(image.command),
                "Env": [_STANDARD_PATH, *image.environment],
                "User": image.user,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
        }
    )


def write_layout(image: Image, directory: Path) -> None:
    """Writes the image into an empty directory of the layers' file system: the layers are linked, not copied."""
    configuration = config(image)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described(_CONFIG, configuration),
            "layers": [
                {"mediaType": _LAYER, "digest": layer.digest, "size": layer.tar.stat().st_size}
                for layer in image.layers
            ],
        }
    )
    entry = _described(_MANIFEST, manifest) | {
        "platform": {"architecture": image.architecture, "os": "linux"},
        # containerd names the image by the first; the second is the specification's own, a tag only.
        "annotations": {
            "io.containerd.image.name": full_name(image.name),
            "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
        },
    }
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (directory / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (directory / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))
    for blob in (manifest, configuration):
        (blobs / _hex(_digest(blob))).write_bytes(blob)
    for layer in image.layers:
        (blobs / _hex(layer.digest)).hardlink_to(layer.tar)


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _described(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _hex(digest: str) -> str:
    return digest.partition(":")[2]


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
