"""The emulator's rules on kind's packets: nftables inside each node, at its one interface, put there by `docker exec`.

kind's nodes hang on one bridge of the machine's, so that there is no router whose forward hook every packet passes, and the
machine's own firewall is nobody's to change. Each node therefore asks its own ingress and egress rules, as a virtual machine's
host does in the cloud. kind's node image has nft.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace

from e2e.lab.cloud import nftables
from e2e.lab.cloud.enforce import EnforcementError
from e2e.lab.cloud.interfaces import UnenforceableError, interface
from e2e.lab.cloud.wanted import Wanted

INTERFACE = "eth0"


class InNodes:
    """Each instance is the container of the same name."""

    def enforce(self, wanted: Wanted) -> None:
        """Replaces each node's table in one transaction. Between two nodes there is none: a change takes some tenths of a second.

        Raises:
            EnforcementError: an instance cannot be enforced, or nft refused; nodes before it have the new rules already.
        """
        try:
            interfaces = [
                interface(instance | {"name": "node"}, "", wanted.bindings.get(instance["name"], ()))
                for instance in wanted.instances
            ]
        except UnenforceableError as error:
            raise EnforcementError(str(error)) from error
        for instance, own in zip(wanted.instances, interfaces, strict=True):
            script = nftables.script_on(replace(own, name=INTERFACE), wanted, interfaces)
            self._put(instance["name"], script)

    def _put(self, node: str, script: str) -> None:
        command = ["docker", "exec", "-i", node, "nft", "-f", "-"]
        try:
            ended = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise EnforcementError("docker is missing") from error
        if ended.returncode:
            raise EnforcementError(f"{node}: {ended.stderr.strip() or f'docker ended with {ended.returncode}'}")
