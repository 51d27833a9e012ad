"""Where the lab keeps things: builds in the user's cache, a running lab in one state directory, nothing in the tree."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/pathcheck: what is expensive to make and can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pathcheck"


def content_key(parts: Iterable[str | bytes]) -> str:
    """A short name for exactly this content: the order and the borders of the parts count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:20]


def tree_parts(root: Path, files: Iterable[Path]) -> list[str | bytes]:
    """The names, modes and contents of `files` as parts for `content_key`, independent of where `root` lies."""
    parts: list[str | bytes] = []
    for file in sorted(files):
        parts += [str(file.relative_to(root)), str(file.stat().st_mode & 0o111), file.read_bytes()]
    return parts


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The directory <cache>/<kind>-<key>, made by `make(empty directory)` if it is not there yet.

    It is made beside its place and renamed when complete, so that an interrupted build is never taken for a whole one.
    """
    place = cache_root() / f"{kind}-{key}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=place.parent))
    try:
        unfinished.chmod(0o755)
        make(unfinished)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return place


@dataclass(frozen=True, slots=True)
class State:
    """The files of a running lab, all below one directory that `down` removes."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def binaries(self) -> Path:
        """Links called kubectl, kubelet, … to the cached binary."""
        return self.root / "bin"

    @property
    def user_kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def sysctls(self) -> Path:
        """The machine-wide settings as they were before the lab; the first thing that `up` writes."""
        return self.root / "sysctls.json"

    @property
    def described(self) -> Path:
        """What the lab was last completed as; absent while `up` has not finished once."""
        return self.root / "lab.json"

    @property
    def api_is_ready(self) -> Path:
        """Exists once the API server has answered; programs that must not start earlier wait for it."""
        return self.root / "api-is-ready"

    @property
    def seed(self) -> Path:
        return self.root / "seed.json"

    @property
    def logs(self) -> Path:
        """Logs of the programs that serve the whole lab; a machine's own are in its directory."""
        return self.root / "log"

    def machine(self, name: str) -> Path:
        return self.root / name

    def kubeconfig(self, user: str) -> Path:
        return self.root / "kubeconfigs" / user


def state() -> State:
    """${PATHCHECK_LAB_DIR:-/var/tmp/pathcheck-lab}. Not /tmp: that may be a tmpfs, and a node's disk is 0.2 GB."""
    return State(Path(os.environ.get("PATHCHECK_LAB_DIR") or "/var/tmp/pathcheck-lab").absolute())


def write(path: Path, content: str, mode: int = 0o644) -> None:
    """Writes a file with its directories; the mode holds from the first byte, as keys need."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(content)
    path.chmod(mode)


def write_json(path: Path, content: object, mode: int = 0o644) -> None:
    """Writes `content` as JSON, which every Kubernetes program reads as YAML too."""
    write(path, json.dumps(content, indent=2) + "\n", mode)
