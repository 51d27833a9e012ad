"""The PathProbe's spec as this program is told it. The API server has validated it by the schema."""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MANNERS = ("Echo", "Ping", "DNS", "Connect")


class Dial:
    """One question to be asked again and again. Times in seconds; `l4` as `udp/53` or `icmp`."""

    __slots__ = ("address", "attempts", "id", "interval", "l4", "manner", "port", "timeout", "trouble")

    def __init__(
        self,
        id: str,
        manner: str,
        l4: str,
        address: str,
        interval: float = 5.0,
        attempts: int = 3,
        timeout: float = 1.0,
        trouble: str = "",
    ) -> None:
        self.id = id
        self.manner = manner
        self.l4 = l4
        self.port = int(l4.partition("/")[2] or 0)
        self.address = address
        self.interval = interval
        self.attempts = 1 if trouble else attempts
        self.timeout = timeout
        self.trouble = trouble  # why it cannot be dialled: then it is unmeasured for this reason

    @property
    def protocol(self) -> str:
        """udp, tcp or icmp."""
        return self.l4.partition("/")[0]


class Assignment:
    """What to listen on (`udp/53`), what to dial (by id), the key, and the moment after which a proof is asked for ("": none)."""

    __slots__ = ("dials", "key", "listeners", "prove_after")

    def __init__(self, listeners: tuple[str, ...], dials: dict[str, Dial], key: bytes, prove_after: str) -> None:
        self.listeners = listeners
        self.dials = dials
        self.key = key
        self.prove_after = prove_after


def assignment_of(body: Mapping[str, Any]) -> Assignment:
    """From a PathProbe as the API server gives it.

    A manner that this version does not know becomes a dial with a trouble: said aloud, not left out.
    Raises KeyError, TypeError or ValueError for what no schema would have let pass.
    """
    spec = body["spec"]
    dials = {}
    for told in spec.get("dials") or ():
        manner = told["manner"]
        dials[told["id"]] = Dial(
            id=told["id"],
            manner=manner,
            l4=_l4(told),
            address=told["address"],
            interval=float(told["intervalSeconds"]),
            attempts=int(told["attempts"]),
            timeout=told["timeoutMilliseconds"] / 1000,
            trouble=_trouble(manner, told["address"]),
        )
    return Assignment(
        listeners=tuple(_l4(told) for told in spec.get("listeners") or ()),
        dials=dials,
        key=bytes.fromhex(spec.get("key") or ""),
        prove_after=spec.get("proveAfter") or "",
    )


def _trouble(manner: str, address: str) -> str:
    if manner not in MANNERS:
        return f"this version of the probe does not know the manner {manner}"
    try:
        # A name must never get to a socket: looking it up would stop the loop.
        socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except OSError:
        return f"{address} is no IP address"
    return ""


def _l4(told: Mapping[str, Any]) -> str:
    protocol = told["protocol"].lower()
    return f"{protocol}/{told['port']}" if told.get("port") else str(protocol)
