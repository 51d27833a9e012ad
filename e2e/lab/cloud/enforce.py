"""Putting rules on packets: one `nft` transaction in the router's namespace for every change."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from e2e.lab.cloud import nftables
from e2e.lab.cloud.interfaces import UnenforceableError, interfaces_of
from e2e.lab.cloud.wanted import Wanted

NAMED_NAMESPACES = Path("/run/netns")


class EnforcementError(Exception):
    """The rules could not be put in force; the message holds what nft said. What was in force before still is."""


class Enforcer(Protocol):
    """What makes rules true."""

    def enforce(self, wanted: Wanted) -> None:
        """Makes exactly this true of packets before it returns.

        Raises:
            EnforcementError: it could not; nothing has changed.
        """


class Nothing:
    """Enforces nothing: for tests and for clients that need the API only."""

    def enforce(self, wanted: Wanted) -> None:
        """Does nothing."""


class Router:
    """nftables in a named network namespace, whose interface to each instance is `prefix` + the instance's name."""

    def __init__(self, namespace: str, interface_prefix: str) -> None:
        self._namespace = namespace
        self._prefix = interface_prefix

    def enforce(self, wanted: Wanted) -> None:
        """Replaces the whole table in one transaction; its counters begin anew.

        Raises:
            EnforcementError: an instance cannot be enforced, or nft refused.
        """
        try:
            interfaces = interfaces_of(wanted, self._prefix)
        except UnenforceableError as error:
            raise EnforcementError(str(error)) from error
        script = nftables.script(wanted, interfaces)
        command = ["nsenter", f"--net={NAMED_NAMESPACES / self._namespace}", "nft", "-f", "-"]
        try:
            ended = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise EnforcementError(
                f"{error.filename} is missing (Debian: apt-get install nftables util-linux)"
            ) from error
        if ended.returncode:
            raise EnforcementError(ended.stderr.strip() or f"nft ended with {ended.returncode}")
