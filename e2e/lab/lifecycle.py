"""Up, down and status. The order of every deed here is chosen so that it may be interrupted anywhere.

What belongs to the lab is found on the machine itself, not in a list of ours: processes by their cgroup, namespaces by
their name, files by the state directory. Only the machine-wide settings have to be written down before they change.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from e2e.lab import (
    cgroups,
    cluster,
    companions,
    control_plane,
    images,
    machines,
    network,
    nodes,
    packages,
    pki,
    store,
    toolchain,
)
from e2e.lab.errors import LabError, run
from e2e.lab.places import State, cache_root, state, write_json
from e2e.lab.progress import Progress
from e2e.lab.topology import USUAL_NODES, Topology, asked_topology, topology

# `up` itself and every program it runs are in this group, so that nothing of an interrupted `up` is lost.
OWN_GROUP = "up"

# The kubelet writes the first ones for the whole machine (k8s.io/kubernetes/pkg/kubelet/cm/container_manager_linux.go);
# the last is ours, below.
SYSCTLS = (
    *("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"),
    *("kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes", "net.netfilter.nf_conntrack_max"),
    "fs.inotify.max_user_instances",
)
# machine-init.sh puts the machine's own in their place.
HIDDEN = ("/run", "/var/lib", "/var/log")
# Each kubelet and containerd takes some of root's; 128 are too few for a dozen nodes.
INOTIFY_INSTANCES = 8192


def up(progress: Progress) -> None:
    """Brings a lab with LAB_NODES nodes to a usable cluster, from wherever it stands; if unset, the one that is there, or 3.

    A usable lab is left as it is; a completed one whose machines are off is put on again; anything else is started
    anew. If it fails or is interrupted, nothing is left.

    Raises:
        LabError: it cannot be done here; the message says why.
    """
    where = state()
    there = _completed(where)
    lab = asked_topology() or there or topology(USUAL_NODES)
    with alone(), progress.moving():
        packages.ensure(progress)
        _need_root()
        if there is not None and there != lab:
            progress.say(f"a lab with {len(there.nodes)} nodes is there; starting anew with {len(lab.nodes)}")
        if there == lab:
            if not _problems(where, lab):
                progress.say(f"the lab is up already, with {len(lab.nodes)} nodes")
                return
            if network.namespaces() == set(lab.namespaces):
                try:
                    _repair(where, lab, progress)
                    return
                except LabError as error:
                    progress.say(f"could not be repaired, starting anew: {error}")
        _refuse_another(where)
        _need_kernel()
        _down(where)
        try:
            with _interruptible():
                cgroups.join(cgroups.create(OWN_GROUP))
                kube = toolchain.build(toolchain.KUBE, progress)
                built = images.build(progress)
                _start(where, lab, kube, built, store.filled(built, progress), progress)
        except BaseException as error:
            if isinstance(error, LabError):
                error.add_note(_last_words(where))
            progress.now("taking down what was started")
            _down(where)
            raise


def down(progress: Progress) -> None:
    """Removes everything that a lab has left on this machine, in whatever state it is.

    Raises:
        LabError: something cannot be removed; the message says what.
    """
    _need_root()
    with alone(), progress.moving():
        progress.now("taking the lab down")
        _down(state())
        progress.say("the lab is down; nothing is left but the cache of builds")


def boot(name: str) -> None:
    """Puts a machine of the lab on.

    Raises:
        LabError: there is no lab, or it is on already.
        ValueError: there is no such machine.
    """
    with alone():
        machine = completed().booted_machine(name)
        if machines.is_on(machine):
            raise LabError(f"{name} is on already")
        machines.boot(state(), machine)


def renew_images(progress: Progress) -> None:
    """Rebuilds the probe's and the operator's images and imports them where they belong; running pods keep theirs.

    Raises:
        LabError: there is no lab, a node is off, or an image could not be made.
    """
    with alone(), progress.moving():
        lab = completed()
        built = images.build(progress)
        for node in lab.nodes:
            for image in built.of_the_project:
                progress.now(f"{node.name} imports {image.name}")
                line, environment = machines.command_in(state(), node, ["sh", "-c", nodes.import_line(image)])
                run(line, environment=environment)
        progress.say("all nodes have the images of the working tree; pods that run keep theirs")


def completed() -> Topology:
    """The lab that is up (or was, until machines were killed).

    Raises:
        LabError: there is none.
    """
    lab = _completed(state())
    if lab is None:
        raise LabError("the lab is not up; `up` brings it up")
    return lab


def problems() -> list[str]:
    """What is wrong with the lab now, one line each; empty if it is usable.

    Raises:
        LabError: there is no lab.
    """
    return _problems(state(), completed())


@contextmanager
def alone() -> Iterator[None]:
    """Holds the machine's one lab for the time of the body: two labs would have the same names and addresses.

    The lock is a name in the kernel and no file, so that a killed process cannot leave it behind.

    Raises:
        LabError: another command of the lab is at work; the message names its process.
    """
    address = "\0pathcheck-lab"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(address)
        except OSError as error:
            raise LabError(f"another command of the lab is at work{_holder(address)}; end it or wait") from error
        lock.listen()
        yield


def _holder(address: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(address)
            process, _, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return ""
        return f" (process {process})"


def _need_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root, for namespaces, cgroups and mounts: try sudo")


def _completed(where: State) -> Topology | None:
    try:
        described = json.loads(where.described.read_text())
    except FileNotFoundError:
        return None
    return topology(described["nodes"])


def _problems(where: State, lab: Topology) -> list[str]:
    off = [f"{machine.name} is off" for machine in lab.booted if not machines.is_on(machine)]
    return [*off, *companions.problems(lab), *cluster.problems(where, lab)]


def _refuse_another(where: State) -> None:
    # An interrupted `up` that had got no further than its builds has left programs but no lab.
    groups = [machine for group in cgroups.lab_groups() for machine in group.iterdir() if machine.is_dir()]
    if not where.root.exists() and any(cgroups.processes(group) for group in groups if group.name != OWN_GROUP):
        raise LabError(
            f"a lab with another state directory than {where.root} is running, and two at once are not supported: "
            "take it down first (`down` does, whatever directory it has)"
        )


def _need_kernel() -> None:
    there = {
        "overlay": "overlay" in Path("/proc/filesystems").read_text().split(),
        "br_netfilter": Path("/proc/sys/net/bridge").exists(),
    }
    if missing := " ".join(name for name, is_there in there.items() if not is_there):
        raise LabError(f"the kernel lacks {missing}. As root: modprobe -a {missing}")
    for needed in (cache_root(), state().root):
        hidden = [place for place in HIDDEN if needed.is_relative_to(place)]
        if hidden:
            raise LabError(f"{needed} lies in {hidden[0]}, which the machines have for themselves: set another place")


def _start(where: State, lab: Topology, kube: Path, built: images.Images, filled: Path, progress: Progress) -> None:
    _remember_sysctls(where)
    _set_sysctl("fs.inotify.max_user_instances", str(INOTIFY_INSTANCES))
    progress.now("writing certificates and configurations")
    for name in toolchain.KUBE_NAMES:
        where.binaries.mkdir(exist_ok=True)
        (where.binaries / name).symlink_to(kube)
    pki.create(where, lab)
    _install(where, lab, built, filled)
    progress.now("wiring the network")
    network.build(lab)
    progress.say(f"network: {len(lab.namespaces)} namespaces")
    _put_on(where, lab, progress)
    write_json(where.described, {"nodes": len(lab.nodes)})
    cgroups.leave()


def _install(where: State, lab: Topology, built: images.Images, filled: Path) -> None:
    machines.install(where, lab.control_plane, control_plane.services(where))
    for node in lab.nodes:
        nodes.install_configuration(where, node)
        machines.install(where, node, nodes.services(where, node, built.of_the_project))
        store.link(filled, where.machine(node.name) / "var-lib" / "containerd")


def _repair(where: State, lab: Topology, progress: Progress) -> None:
    progress.say("the lab is there but not usable: " + ", ".join(_problems(where, lab)))
    _put_on(where, lab, progress)


def _put_on(where: State, lab: Topology, progress: Progress) -> None:
    """Starts what is off and waits until the cluster is usable."""
    companions.start(where, lab)
    for machine in lab.booted:
        if not machines.is_on(machine):
            machines.boot(where, machine)
    progress.now("control plane and nodes are starting")
    companions.wait_for_rules(where, lab, 30)
    progress.say("the firewall's rules are in force")
    cluster.wait_for_api(where, 60)
    where.api_is_ready.touch()
    progress.say("API server ready")
    cluster.apply_objects(where, lab)
    progress.now("waiting for nodes and kube-dns")
    cluster.wait_until_usable(where, lab, 90)
    progress.say(f"{len(lab.nodes)} nodes Ready, kube-dns answers")
    progress.now("waiting for the images")
    _wait_for_images(where, lab, 120)
    progress.say("images imported; the cluster is usable")


def _wait_for_images(where: State, lab: Topology, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while missing := [node.name for node in lab.nodes if not nodes.imported(where, node).exists()]:
        if time.monotonic() > deadline:
            raise LabError(f"images were not imported within {seconds:.0f} s on {', '.join(missing)}")
        time.sleep(0.1)


def _down(where: State) -> None:
    cgroups.leave()
    groups = cgroups.lab_groups()
    cgroups.end(lambda: set().union(*(cgroups.processes(group) for group in groups)))
    network.remove()
    _restore_sysctls(where)
    for group in groups:
        cgroups.remove(group)
    _remove_state(where)


def _remove_state(where: State) -> None:
    # The kernel frees a killed machine's mounts a moment after its last process.
    for _ in range(50):
        shutil.rmtree(where.root, ignore_errors=True)
        if not where.root.exists():
            return
        time.sleep(0.1)
    raise LabError(f"{where.root} cannot be removed")


def _sysctl_path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def _remember_sysctls(where: State) -> None:
    paths = {name: _sysctl_path(name) for name in SYSCTLS}
    write_json(where.sysctls, {name: path.read_text().strip() for name, path in paths.items() if path.exists()})


def _set_sysctl(name: str, value: str) -> None:
    path = _sysctl_path(name)
    if path.read_text().strip() != value:
        path.write_text(value)


def _restore_sysctls(where: State) -> None:
    if where.sysctls.exists():
        for name, value in json.loads(where.sysctls.read_text()).items():
            _set_sysctl(name, value)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Makes the signals that end a program raise in the body, so that what it has started is taken down."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    # Under nohup the end of the terminal is none of our business.
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_words(where: State) -> str:
    """The ends of all logs, for the message about a start that failed: the logs themselves are about to go."""
    lines = []
    for log in sorted(where.root.glob("**/log/*.log")):
        tail = log.read_text(errors="replace").splitlines()[-3:]
        lines += [f"{log.relative_to(where.root)}: {line}" for line in tail]
    return "\n".join(lines)
