"""What the engine is compared with: the obvious loop over all rules, one flow after the other.

As fast as it can be made without an index: rules are tuples of plain integers and sets, in the order in which they are asked, made
beforehand. It knows what `firewalls` makes: one network, one interface a machine, rules that can be judged.
"""

from __future__ import annotations

from typing import NamedTuple

from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint, Range
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action, Direction, Prediction

_COMES_TO = {Action.ALLOW: Prediction.PERMITTED, Action.DENY: Prediction.BLOCKED, Action.INSPECT: Prediction.INSPECTED}


class Plain(NamedTuple):
    """A rule: sets of names and inclusive intervals; an empty one of targets or remotes is no condition."""

    action: Action
    targets: frozenset[str]
    remotes: tuple[tuple[int, int], ...]
    remote_names: frozenset[str]
    traffic: tuple[tuple[int | None, int, int], ...]


class Machine(NamedTuple):
    """One end: its address as an integer, the names of its machine, and those that the address carries."""

    address: int
    names: frozenset[str]
    carried: frozenset[str]
    instance: str | None


Runs = tuple[tuple[Plain, ...], ...]


def plain(firewall: Firewall, direction: Direction) -> Runs:
    """The rules of this direction in the one network there is."""
    interface = firewall.instances[0].interfaces[0]
    runs = firewall.runs(interface.network, interface.region, direction)
    return tuple(tuple(_plain(rule) for rule in run if rule.in_force) for run in runs)


def end(endpoint: Endpoint, firewall: Firewall) -> Machine:
    """What the loop asks of an end."""
    [machine] = firewall.machines(endpoint.instance or "")
    primary = any(endpoint.address in r for r in machine.interfaces[0].primary)
    names = machine.tags | (machine.secure_tags or frozenset())
    return Machine(int(endpoint.address), names, machine.tags if primary else frozenset(), machine.name)


def predicted(source: Machine, destination: Machine, l4: L4, egress: Runs, ingress: Runs) -> Prediction:
    """The sender's rules, then the receiver's."""
    if source.instance == destination.instance:
        return Prediction.PERMITTED
    out = _side(egress, source, destination, l4, Prediction.PERMITTED)
    if out is Prediction.BLOCKED:
        return out
    into = _side(ingress, destination, source, l4, Prediction.BLOCKED)
    return into if into is Prediction.BLOCKED else out if out is not Prediction.PERMITTED else into


def _side(runs: Runs, local: Machine, remote: Machine, l4: L4, implied: Prediction) -> Prediction:
    # All in one, for a call for each rule would cost more than the rule.
    address, local_names, carried, asked, port = remote.address, local.names, remote.carried, l4.protocol, l4.port
    for run in runs:
        for action, targets, remotes, remote_names, traffic in run:
            if targets and targets.isdisjoint(local_names):
                continue
            for protocol, first, last in traffic:
                if protocol is None or (protocol == asked and (port is None or first <= port <= last)):
                    break
            else:
                continue
            for first, last in remotes:
                if first <= address <= last:
                    break
            else:
                if (remotes or remote_names) and remote_names.isdisjoint(carried):
                    continue
            if action is Action.GOTO_NEXT:
                break
            return _COMES_TO[action]
    return implied


def _plain(rule: Rule) -> Plain:
    return Plain(
        rule.action,
        rule.target_tags | rule.target_secure_tags,
        tuple(map(_interval, rule.remote_ranges)),
        rule.remote_tags,
        tuple(
            (entry.protocol, ports.first, ports.last) if ports else (entry.protocol, 0, 65535)
            for entry in rule.l4
            for ports in (entry.ports or (None,))
        ),
    )


def _interval(range_: Range) -> tuple[int, int]:
    return int(range_.network_address), int(range_.broadcast_address)
