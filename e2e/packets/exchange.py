"""Sending many questions at once and seeing which of them arrive.

A machine's packets are put on its own wire and looked for on the wire of the machine they are for; what its kernel then makes of
them does not matter. Connection tracking would let a packet pass as the reply to one that went the other way just before
(protocols without ports have nothing else to tell them apart), so the two ways go in two waves and the router forgets
everything before each.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType

from e2e.lab.errors import run
from e2e.network_of import Host, inside, mac
from e2e.packets.frames import Question, frame, packet, unchanging

_EVERY_PROTOCOL = 0x0003  # ETH_P_ALL of linux/if_ether.h
_SO_RCVBUFFORCE = 33  # of asm-generic/socket.h; Python has no name for it
_PLENTY = 8 << 20
# Nothing having come for so long, nothing is on its way: a packet takes microseconds, a loaded machine a time slice or two.
_QUIET_SECONDS = 0.1
# A packet that is missed is given more time, for what is lost on a loaded machine was not denied.
_PATIENT_SECONDS = 1.0


class Exchange:
    """Wires of all machines, open for as long as the context lasts. Needs root."""

    def __init__(self, router: str, hosts: Sequence[Host]) -> None:
        self._router = router
        self._hosts = {host.name: host for host in hosts}
        self._owners = {address: host.name for host in hosts for address in (host.address, host.pod, *host.v6)}
        self._order = {host.name: place for place, host in enumerate(hosts)}
        self._macs = {host.name: (mac(host.namespace, "eth0"), mac(router, f"v-{host.name}")) for host in hosts}
        self._packets: dict[Question, bytes] = {}
        self._wires: dict[str, socket.socket] = {}
        self._open = ExitStack()

    def __enter__(self) -> Exchange:
        for host in self._hosts.values():
            wire = self._open.enter_context(inside(host.namespace, _wire))
            self._wires[host.name] = wire
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def owner(self, address: str) -> str:
        """The name of the machine that has this address."""
        return self._owners[address]

    def forget(self) -> None:
        """The router tracks no connection any more."""
        run(["nsenter", f"--net=/run/netns/{self._router}", "conntrack", "-F"])

    def arrived(self, questions: Iterable[Question], patient: bool = False) -> set[Question]:
        """Those whose packet came to the machine that has the destination."""
        waves: tuple[list[Question], list[Question]] = ([], [])
        for question in questions:
            back = self._order[self.owner(question.source)] > self._order[self.owner(question.destination)]
            waves[back].append(question)
        return {question for wave in waves if wave for question in self._wave(wave, patient)}

    def _wave(self, questions: Sequence[Question], patient: bool) -> set[Question]:
        self._seen(0.0)
        self.forget()
        expected = {}
        for question in questions:
            sender, receiver = self.owner(question.source), self.owner(question.destination)
            sent = self._packet(question)
            expected[receiver, unchanging(sent)] = question
            self._wires[sender].send(frame(sent, *self._macs[sender]))
        seen = self._seen(_PATIENT_SECONDS if patient else _QUIET_SECONDS)
        return {question for key, question in expected.items() if key in seen}

    def _seen(self, quiet_seconds: float) -> set[tuple[str, bytes]]:
        """What came to which machine until nothing came for so long."""
        names = {wire: name for name, wire in self._wires.items()}
        seen = set()
        while ready := select.select(list(names), [], [], quiet_seconds)[0]:
            for wire in ready:
                received, (_, _, way, *_) = wire.recvfrom(2048)
                if way == socket.PACKET_HOST:
                    seen.add((names[wire], unchanging(received[14:])))
        return seen

    def _packet(self, question: Question) -> bytes:
        if question not in self._packets:
            self._packets[question] = packet(question)
        return self._packets[question]


def _wire() -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _PLENTY)
    wire.bind(("eth0", _EVERY_PROTOCOL))
    return wire
