"""Where the lab's cgroups lie on the three layouts that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.lab.cgroups import read_hierarchies
from e2e.lab.errors import LabError

HYBRID_MOUNTS = """tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,memory 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
HYBRID = "3:name=systemd:/session\n2:memory:/limited/a\n1:cpu,cpuacct:/\n0::/session\n"


def test_on_version_1_the_lab_lies_below_the_callers_own_groups() -> None:
    """One group per controller tree, inside the caller's limits."""
    assert [(tree.controllers, str(tree.lab)) for tree in read_hierarchies(HYBRID, HYBRID_MOUNTS)] == [
        ((), "/sys/fs/cgroup/systemd/session/pathcheck-lab"),
        (("memory",), "/sys/fs/cgroup/memory/limited/a/pathcheck-lab"),
        (("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct/pathcheck-lab"),
        ((), "/sys/fs/cgroup/unified/session/pathcheck-lab"),
    ]


def test_on_version_2_the_lab_lies_at_the_top() -> None:
    """One group at the top of the only tree: one with processes could not hand its controllers down."""
    [tree] = read_hierarchies("0::/user.slice/session-1.scope\n", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    assert (tree.unified, tree.lab) == (True, Path("/sys/fs/cgroup/pathcheck-lab"))


def test_a_caller_inside_the_lab_finds_the_same_lab() -> None:
    """A process that lies in the lab's own group does not nest a second lab in it."""
    inside = HYBRID.replace("/limited/a", "/limited/a/pathcheck-lab/up")
    assert read_hierarchies(inside, HYBRID_MOUNTS)[1].lab == read_hierarchies(HYBRID, HYBRID_MOUNTS)[1].lab


def test_a_tree_that_is_not_mounted_is_named() -> None:
    """Without a tree that the kernel has, the lab says which one is missing."""
    with pytest.raises(LabError, match="the cgroup tree memory is not mounted"):
        read_hierarchies("2:memory:/\n", "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n")
