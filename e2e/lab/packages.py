"""The Debian packages that the lab uses as they are: the container runtime, the CNI plugins and the network tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from e2e.lab.errors import LabError, run
from e2e.lab.progress import Progress

# package: what the lab runs out of it
NEEDED = {
    "busybox-static": "/bin/busybox",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iproute2": "ip",
    "iptables": "iptables",
    "nftables": "nft",
    "procps": "sysctl",
    "runc": "runc",
    "util-linux": "unshare",
}


def missing() -> list[str]:
    """The packages of which the lab's program is not there, whoever installed it."""
    return [package for package, program in NEEDED.items() if not _is_there(program)]


def ensure(progress: Progress) -> None:
    """Installs what is missing, when run as root on a Debian-like system; says so first.

    Raises:
        LabError: something is missing and cannot be installed here; the message lists it.
        CommandError: apt-get failed.
    """
    packages = missing()
    if not packages:
        return
    wanted = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"missing (names of Debian's packages): {wanted}. As root: apt-get install {wanted}")
    progress.say(f"installing Debian packages with apt-get: {wanted}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # The lists may be as old as the machine's image; an update that fails may still leave usable ones.
    subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True, check=False)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], environment=environment)
    if still := missing():
        raise LabError(f"apt-get installed {wanted}, but the programs of {' '.join(still)} are still not there")


def _is_there(program: str) -> bool:
    if program.startswith("/"):
        return Path(program).exists()
    # A user's PATH often lacks the sbin directories.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
