"""Which rules are about this side of a flow? Compiled once for all rules of a network, region and direction.

Rule i of the order in which rules are asked is bit i of plain integers, so that "the first rule that matches" is the lowest bit of
an intersection (bit vectors, after Lakshman and Stiliadis, SIGCOMM 1998, "High-speed policy-based packet forwarding"):

    target of the local machine  ∩  local address  ∩  remote address, tags  ∩  protocol and port

Each of the four is a pair of sets: the rules that *surely* match, and those that *possibly* do. The difference is what cannot be judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pathcheck.core.rules.sweep import Interval, Sweep, sweep
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address, Range
from pathcheck.model.machines import Instance
from pathcheck.model.rules import ALL_PORTS, Rule, Stage
from pathcheck.model.words import Action, Direction

# The implied rules' own priority; the API advises against using it, and does not say how an allow rule there ties with implied deny.
LOWEST_PRIORITY = 65535


class Bits(NamedTuple):
    """Rules that surely match, and rules that possibly do; the first is part of the second."""

    sure: int
    possible: int


class Carries(NamedTuple):
    """Which of its machine's names a remote address carries: tags and service accounts, and secure tags surely or possibly."""

    tags: bool
    secure_tags: bool
    perhaps_secure_tags: bool


class Index:
    """All rules of one scope, `rules[i]` being bit i. Disabled rules are in it, for hints: intersect with `in_force`.

    `tags_unread` ends a sentence about secure tags that nobody knows, with why.
    """

    def __init__(self, runs: Iterable[tuple[Rule, ...]], tags_unread: str = "") -> None:
        self.tags_unread = tags_unread
        self.rules: tuple[Rule, ...] = tuple(rule for run in runs for rule in run)
        self.everything = (1 << len(self.rules)) - 1
        self.in_force = self._where(lambda r: r.in_force)
        self.disabled = self._where(lambda r: r.disabled and not r.ineffective)
        # Nothing but its protocol is known of the first; the second may match wherever all that is known of it does.
        self.unread = self._where(lambda r: bool(r.cannot_tell))
        self.unsure = self.unread | self._where(lambda r: bool(r.condition))
        self.doing = {action: self._where(lambda r, a=action: r.action is a) for action in Action}  # type: ignore[misc]
        # Rules of the same run; and, among VPC rules, of the same priority.
        self.run_of: list[int] = []
        start = 0
        for run in runs:
            mask = ((1 << len(run)) - 1) << start
            self.run_of += [mask] * len(run)
            start += len(run)
        self.tied: dict[int, int] = defaultdict(int)
        for i, rule in enumerate(self.rules):
            if rule.stage is Stage.VPC:
                self.tied[rule.priority] |= 1 << i

        self._any_target = self._where(lambda r: r.any_target)
        self._target_tags = self._named(lambda r: r.target_tags)
        self._target_accounts = self._named(lambda r: r.target_service_accounts)
        self._target_secure_tags = self._named(lambda r: r.target_secure_tags)
        self._remote_tags = self._named(lambda r: r.remote_tags)
        self._remote_accounts = self._named(lambda r: r.remote_service_accounts)
        self._remote_secure_tags = self._named(lambda r: r.remote_secure_tags)
        self._remote_unsure = self._where(lambda r: bool(r.remote_unsure))
        self._local_unsure = self._where(lambda r: bool(r.local_unsure))
        any_remote, any_local = self._where(lambda r: r.any_remote), self._where(lambda r: r.any_local)
        self._remote = {v: self._ranges(lambda r: r.remote_ranges, v, any_remote) for v in (4, 6)}
        self._local = {v: self._ranges(lambda r: r.local_ranges, v, any_local) for v in (4, 6)}
        self._protocols = self._l4()
        self._targets: dict[tuple[object, ...], Bits] = {}
        self._traffic: dict[L4, Bits] = {}
        self._firsts: dict[tuple[int, int, str], tuple[int, ...]] = {}

    def target(self, machine: Instance) -> Bits:
        """By the machine's tags, service accounts and secure tags; where its bindings are not known, every such rule is possible."""
        key = (machine.tags, machine.service_accounts, machine.secure_tags)
        known = self._targets.get(key)
        if known is None:
            sure = self._any_target | _union(self._target_tags, machine.tags)
            sure |= _union(self._target_accounts, machine.service_accounts)
            sure |= _union(self._target_secure_tags, machine.secure_tags or ())
            perhaps = _union(self._target_secure_tags, self._target_secure_tags) if machine.secure_tags is None else 0
            known = self._targets[key] = Bits(sure, sure | perhaps | self.unread)
        return known

    def target_unknown(self) -> Bits:
        """Of a machine that is not known, any tag or account may be its own."""
        return Bits(self._any_target, self.everything)

    def local_unknown(self, version: int) -> Bits:
        """Of a local address of this family that is not known."""
        return Bits(_throughout(self._local[version], version), self.everything)

    def local(self, address: Address) -> Bits:
        """By the local address, where a rule narrows it."""
        return self.local_bits(self._local[address.version].at(int(address)))

    def local_bits(self, in_range: int) -> Bits:
        """From the bits of `local_sweep`."""
        return Bits(in_range, in_range | self._local_unsure | self.unread)

    def remote(self, address: Address, machine: Instance | None, carries: Carries) -> Bits:
        """By the remote address, and by the names of its machine as far as the address carries them."""
        return self.remote_bits(self._remote[address.version].at(int(address)), machine, carries)

    def remote_nowhere(self, version: int) -> Bits:
        """Of a remote address of this family that is not known."""
        return Bits(_throughout(self._remote[version], version), self.everything)

    def remote_unknown(self, address: Address) -> Bits:
        """Of a machine that is not known, any tag or account may be its own."""
        sure = self._remote[address.version].at(int(address))
        names = (self._remote_tags, self._remote_accounts, self._remote_secure_tags)
        perhaps = self._remote_unsure | self.unread
        for named in names:
            perhaps |= _union(named, named)
        return Bits(sure, sure | perhaps)

    def remote_bits(self, in_range: int, machine: Instance | None, carries: Carries) -> Bits:
        """From the bits of `remote_sweep`."""
        sure, perhaps = in_range, self._remote_unsure | self.unread
        if machine is not None:
            if carries.tags:
                sure |= _union(self._remote_tags, machine.tags) | _union(
                    self._remote_accounts, machine.service_accounts
                )
            if carries.secure_tags or carries.perhaps_secure_tags:
                tags: Iterable[str] = self._remote_secure_tags if machine.secure_tags is None else machine.secure_tags
                found = _union(self._remote_secure_tags, tags)
                if carries.secure_tags and machine.secure_tags is not None:
                    sure |= found
                perhaps |= found
        return Bits(sure, sure | perhaps)

    def traffic(self, l4: L4) -> Bits:
        """By protocol and port. Without a port, where the protocol has ports, rules for some of them are possible."""
        known = self._traffic.get(l4)
        if known is None:
            known = self._traffic[l4] = self._matching(l4)
        return known

    def _matching(self, l4: L4) -> Bits:
        ports = self.ports(l4.protocol)
        if l4.protocol not in WITH_PORTS:
            return Bits(ports.nowhere, ports.nowhere)
        if l4.port is not None:
            found = ports.at(l4.port)
            return Bits(found, found)
        pieces = [bits for _, _, bits in ports.pieces(0, 65535)]
        sure, possible = self.everything, 0
        for bits in pieces:
            sure &= bits
            possible |= bits
        return Bits(sure, possible)

    def ports(self, protocol: int) -> Sweep:
        """Rules by destination port of this protocol; one without ports has the same everywhere."""
        return self._protocols.get(protocol, self._protocols[None])

    @property
    def protocols(self) -> list[int]:
        """The protocols that some rule names, by number."""
        return sorted(protocol for protocol in self._protocols if protocol is not None)

    def local_sweep(self, version: int) -> Sweep:
        """Rules by local address of this family."""
        return self._local[version]

    def remote_sweep(self, version: int) -> Sweep:
        """Rules by remote address of this family, as far as ranges say."""
        return self._remote[version]

    def remote_networks(self, place: int, version: int) -> tuple[int, ...]:
        """The remote ranges of the rule at this place, those of one family, each by its first address."""
        return self._networks(place, version, "remote", self.rules[place].remote_ranges)

    def local_networks(self, place: int, version: int) -> tuple[int, ...]:
        """Its local ranges likewise."""
        return self._networks(place, version, "local", self.rules[place].local_ranges)

    def _networks(self, place: int, version: int, side: str, ranges: Iterable[Range]) -> tuple[int, ...]:
        key = (place, version, side)
        known = self._firsts.get(key)
        if known is None:
            known = self._firsts[key] = tuple(int(r.network_address) for r in ranges if r.version == version)
        return known

    def final(self, direction: Direction) -> int:
        """Rules that, matched first, have the last word, and a plain one."""
        plain = self.doing[Action.DENY] | self.doing[Action.ALLOW]
        tie = self.tied.get(LOWEST_PRIORITY, 0) if direction is Direction.INGRESS else 0
        return plain & ~(tie & self.doing[Action.ALLOW])

    def _where(self, holds: Callable[[Rule], bool]) -> int:
        bits = bytearray(len(self.rules) // 8 + 1)
        for i, rule in enumerate(self.rules):
            if holds(rule):
                bits[i >> 3] |= 1 << (i & 7)
        return int.from_bytes(bits, "little")

    def _named(self, names: Callable[[Rule], Iterable[str]]) -> dict[str, int]:
        found: dict[str, int] = {}
        for i, rule in enumerate(self.rules):
            for name in names(rule):
                found[name] = found.get(name, 0) | 1 << i
        return found

    def _ranges(self, ranges: Callable[[Rule], Iterable[Range]], version: int, everywhere: int) -> Sweep:
        own = (
            (i, [_interval(r) for r in found if r.version == version])
            for i, rule in enumerate(self.rules)
            if (found := ranges(rule))
        )
        return sweep(((i, intervals) for i, intervals in own if intervals), everywhere)

    def _l4(self) -> dict[int | None, Sweep]:
        """By protocol number; None stands for every protocol that no rule names."""
        whole: dict[int | None, int] = defaultdict(int)
        some: dict[int, dict[int, list[Interval]]] = defaultdict(dict)
        for i, rule in enumerate(self.rules):
            if rule.cannot_tell and not rule.l4:
                whole[None] |= 1 << i
            for entry in rule.l4:
                protocol = entry.protocol
                if protocol is None or not entry.ports or protocol not in WITH_PORTS or ALL_PORTS in entry.ports:
                    whole[protocol] |= 1 << i
                else:
                    some[protocol].setdefault(i, []).extend((p.first, p.last) for p in entry.ports)
        sweeps: dict[int | None, Sweep] = {None: Sweep(nowhere=whole[None])}
        for protocol in {p for p in whole if p is not None} | some.keys():
            everywhere = whole[None] | whole.get(protocol, 0)
            ports = ((i, own) for i, own in some.get(protocol, {}).items() if not everywhere >> i & 1)
            sweeps[protocol] = sweep(ports, everywhere)
        return sweeps


def index_of(firewall: Firewall, network: str, region: str, direction: Direction) -> Index:
    """The index of this scope; compiled when it is first asked for, kept as long as the firewall is."""
    key = (network, region, direction)
    known = firewall.compiled.get(key)
    if known is None:
        known = firewall.compiled[key] = Index(
            firewall.runs(network, region, direction), firewall.unread("secureTagBindings")
        )
    assert isinstance(known, Index)
    return known


def _throughout(line: Sweep, version: int) -> int:
    """The rules that hold at every address of the family."""
    found = -1
    for _, _, bits in line.pieces(0, (1 << (32 if version == 4 else 128)) - 1):
        found &= bits
    return found


def _union(named: dict[str, int], names: Iterable[str]) -> int:
    bits = 0
    for name in names:
        bits |= named.get(name, 0)
    return bits


def _interval(range_: Range) -> Interval:
    first = int(range_.network_address)
    return first, first | (1 << range_.max_prefixlen - range_.prefixlen) - 1
