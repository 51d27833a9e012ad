"""Images are read back as any runtime would read them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from e2e.lab.oci import Image, full_name, write_layer, write_layout


def _root(directory: Path) -> Path:
    root = directory / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_text("#!/bin/sh\n")
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "alias").symlink_to("tool")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    return root


def _blob(layout: Path, described: dict[str, Any]) -> bytes:
    digest = str(described["digest"])
    content = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert described["size"] == len(content)
    return content


def test_a_layout_can_be_read_back(tmp_path: Path) -> None:
    """Index, manifest, configuration and layers refer to each other by the digests and sizes that they have."""
    layer = write_layer(_root(tmp_path), tmp_path / "layer.tar")
    layout = tmp_path / "layout"
    layout.mkdir()
    image = Image(
        "tool:1", (layer,), "amd64", entrypoint=("/bin/tool",), command=("x",), environment=("A=b",), user="1:2"
    )
    write_layout(image, layout)
    [entry] = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads(_blob(layout, entry))
    configuration = json.loads(_blob(layout, manifest["config"]))
    [packed] = [_blob(layout, described) for described in manifest["layers"]]
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/library/tool:1"
    assert configuration["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(packed).hexdigest()]
    assert configuration["config"] == {
        "Entrypoint": ["/bin/tool"],
        "Cmd": ["x"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"],
        "User": "1:2",
        "WorkingDir": "/",
    }


def test_a_layer_holds_the_tree_owned_by_root_without_times(tmp_path: Path) -> None:
    """Files, modes and links are kept; owners and times are not, so that equal trees are equal layers."""
    first = write_layer(_root(tmp_path / "a"), tmp_path / "a.tar")
    second = write_layer(_root(tmp_path / "b"), tmp_path / "b.tar")
    assert first.digest == second.digest
    with tarfile.open(first.tar) as tar:
        members = [(m.name, oct(m.mode), m.linkname, m.uid, m.gid, m.mtime) for m in tar if not m.isdir()]
        modes = {m.name: oct(m.mode) for m in tar}
    assert members == [("bin/alias", "0o777", "tool", 0, 0, 0), ("bin/tool", "0o755", "", 0, 0, 0)]
    assert modes["tmp"] == "0o1777"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("busybox:1", "docker.io/library/busybox:1"),
        ("someone/tool:1", "docker.io/someone/tool:1"),
        ("lab.local/pause:1", "lab.local/pause:1"),
        ("localhost/tool:1", "localhost/tool:1"),
    ],
)
def test_names_are_completed_as_a_runtime_does(written: str, meant: str) -> None:
    """An image is stored under the name that a kubelet's runtime will look for."""
    assert full_name(written) == meant
