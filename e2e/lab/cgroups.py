"""The lab's control groups: what belongs to the lab is what lies in a cgroup called `pathcheck-lab`.

Every process that `up` starts is born in there and nothing can leave it by forking, so `down` needs no list of process
ids and can hit no foreign process, whatever was interrupted. Three layouts are known: version 1 and hybrid (one tree
per controller: the lab lies below the caller's own group, whose limits stay in force) and version 2 (one tree: the lab
lies at the top, because a group that holds processes cannot hand its controllers down).
"""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.errors import LabError

NAME = "pathcheck-lab"
# What kubelet and runc set on version 2; a kernel without one of them cannot run pods anyway.
V2_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup tree. `controllers` is () for version 2 and for a named tree without controllers."""

    mount: Path
    controllers: tuple[str, ...]
    # The caller's own group, relative to the mount; the lab's parent if the caller lies in the lab.
    own: str
    # The only tree, of version 2, with the controllers in it.
    unified: bool

    @property
    def lab(self) -> Path:
        return (self.mount if self.unified else self.mount / self.own.strip("/")) / NAME


def read_hierarchies(proc_cgroup: str, proc_mounts: str) -> tuple[Hierarchy, ...]:
    """The trees of this machine as /proc/self/cgroup and /proc/self/mounts tell (cgroups(7)).

    Raises:
        LabError: a tree that the process belongs to is mounted nowhere.
    """
    own = {}
    for line in proc_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path.partition(f"/{NAME}")[0]
    found = []
    for controllers, path in own.items():
        mount = _mount_of(controllers, proc_mounts)
        if mount is None:
            # A hybrid machine may leave version 2 unmounted; without controllers nobody misses it.
            if controllers == "" and len(own) > 1:
                continue
            raise LabError(f"the cgroup tree {controllers or 'cgroup2'} is not mounted; the lab needs it writable")
        names = () if controllers == "" or controllers.startswith("name=") else tuple(controllers.split(","))
        found.append(Hierarchy(mount, names, path, unified=len(own) == 1 and controllers == ""))
    return tuple(found)


def _mount_of(controllers: str, proc_mounts: str) -> Path | None:
    for line in proc_mounts.splitlines():
        _, mount, kind, options = line.split(" ")[:4]
        if controllers == "" and kind == "cgroup2":
            return Path(mount)
        if controllers and kind == "cgroup" and set(controllers.split(",")) <= set(options.split(",")):
            return Path(mount)
    return None


def hierarchies() -> tuple[Hierarchy, ...]:
    """The trees of this machine, with the caller's own groups.

    Raises:
        LabError: as `read_hierarchies`.
    """
    return read_hierarchies(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mounts").read_text())


def create(name: str) -> list[Path]:
    """The groups pathcheck-lab/`name` in all trees, made where they are missing, ready to take processes."""
    made = []
    for tree in hierarchies():
        for group in (tree.lab, tree.lab / name):
            group.mkdir(exist_ok=True)
            if "cpuset" in tree.controllers:
                # An empty cpuset of version 1 takes no process.
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (group / file).write_text((group.parent / file).read_text())
        if tree.unified:
            for group in (tree.mount, tree.lab):
                _hand_down(group)
        made.append(tree.lab / name)
    return made


def _hand_down(group: Path) -> None:
    wanted = set(V2_CONTROLLERS) & set((group / "cgroup.controllers").read_text().split())
    missing = wanted - set((group / "cgroup.subtree_control").read_text().split())
    try:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in sorted(missing)))
    except OSError as error:
        raise LabError(f"cannot hand the controllers {sorted(missing)} down from {group}: {error}") from error


def join(groups: list[Path]) -> None:
    """Moves the calling process into the groups; its children are born there."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def command_inside(name: str, command: list[str]) -> list[str]:
    """The command line that joins pathcheck-lab/`name` and then becomes `command`, with the same process id."""
    enter = "".join(f"echo $$ >{shlex.quote(str(group / 'cgroup.procs'))}; " for group in create(name))
    return ["sh", "-ec", f"{enter}exec {shlex.join(command)}"]


def leave() -> None:
    """Moves the calling process out of the lab's groups, so that they can be removed."""
    join([tree.mount / tree.own.strip("/") for tree in hierarchies()])


def lab_groups() -> list[Path]:
    """All groups called pathcheck-lab on this machine, whoever made them: a crashed lab may have had another parent."""
    found = []
    for tree in hierarchies():
        for directory, below, _ in os.walk(tree.mount):
            if NAME in below:
                found.append(Path(directory, NAME))
                below.remove(NAME)
    return found


def processes(group: Path) -> set[int]:
    """The ids of all processes in the group and below it."""
    found: set[int] = set()
    for directory, _, _ in os.walk(group):
        with suppress(FileNotFoundError, OSError):
            found.update(int(line) for line in Path(directory, "cgroup.procs").read_text().split())
    # A process of another pid namespace that has no id in ours reads as 0.
    return found - {0}


def machine_processes(name: str) -> set[int]:
    """The ids of all processes of one machine (or service) of the lab; empty if it is off."""
    return set().union(*(processes(group / name) for group in lab_groups()))


def end(find: Callable[[], set[int]], seconds: float = 20) -> None:
    """Kills what `find` finds until it finds nothing, the caller excepted.

    Raises:
        LabError: something is still there after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while left := find() - {os.getpid()}:
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(left)} do not end, even by SIGKILL")
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def remove(group: Path, seconds: float = 20) -> None:
    """Removes the group with all below it; the kernel frees a group some time after its last process.

    Raises:
        LabError: it is still busy after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while group.exists():
        for directory in _bottom_up(group):
            with suppress(OSError):
                directory.rmdir()
        if group.exists():
            if time.monotonic() > deadline:
                raise LabError(f"the cgroup {group} cannot be removed: processes {sorted(processes(group))}")
            time.sleep(0.05)


def _bottom_up(group: Path) -> Iterator[Path]:
    for directory, _, _ in os.walk(group, topdown=False):
        yield Path(directory)
