"""What else was edited that decides packets, and how is it said? Networks, machines and routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pathcheck.core.changes.edits import Edited, more_or_less, paired
from pathcheck.model.drift import Deed, Edit
from pathcheck.model.firewall import Firewall
from pathcheck.model.machines import Instance, Network, Route
from pathcheck.model.rules import Rule, Stage

# Networks


def networks(before: Firewall, after: Firewall) -> Iterator[Edited]:
    """The order in which they ask, and whom they are peered with."""
    for old, new in paired(before.networks, after.networks, lambda n: n.name):
        if old is None or new is None or old == new:
            continue  # rules of networks that come or go come and go as well
        said, rules = [], []
        if old.before_classic is not new.before_classic:
            said.append(f"asks its network policies {_when(new)} its VPC rules")
            rules += _in_network(after, new, (Stage.VPC, Stage.GLOBAL, Stage.REGIONAL))
        if old.peers != new.peers:
            said += _peered(old, new)
            rules += [r for r in _in_network(after, new, tuple(Stage)) if r.remote_secure_tags]
        sentence = f"network {new.name} {' and '.join(said)}"
        yield Edit(f"network:{new.name}", Deed.CHANGED, sentence, f"networks/{new.name}"), tuple(rules)


def _when(network: Network) -> str:
    return {True: "before", False: "after", None: "nobody knows when beside"}[network.before_classic]


def _peered(old: Network, new: Network) -> Iterator[str]:
    if old.peers is None or new.peers is None:
        yield "has peers that are not known" if new.peers is None else "has peers that are known again"
        return
    for names, verb in ((new.peers - old.peers, "is peered with"), (old.peers - new.peers, "is peered no longer with")):
        if names:
            yield f"{verb} {', '.join(sorted(names))}"


def _in_network(firewall: Firewall, network: Network, stages: Sequence[Stage]) -> list[Rule]:
    vpc = [r for r in firewall.rules if r.network == network.name and Stage.VPC in stages]
    policies = [p for p in firewall.policies if p.network in ("", network.name) and p.stage in stages]
    return vpc + [replace(r, network=network.name) for p in policies for r in p.rules]


# Machines


def machines(before: Firewall, after: Firewall) -> Iterator[Edited]:
    """The names that machines carry, and whether they forward packets."""
    every = [
        *before.rules,
        *after.rules,
        *(replace(r, network=p.network) for f in (before, after) for p in f.policies for r in p.rules),
    ]
    for old, new in paired(before.instances, after.instances, identity):
        if old is None or new is None:
            continue
        said, names = _renamed(old, new)
        if old.can_ip_forward is not new.can_ip_forward:
            said.append("may forward packets" if new.can_ip_forward else "may no longer forward packets")
        if said:
            rules = tuple(dict.fromkeys(r for r in every if names & _names_in(r)))
            sentence = f"{new.name}: {', '.join(said)}"
            yield Edit(f"instance:{new.zone}/{new.name}", Deed.CHANGED, sentence, f"instances/{new.name}"), rules


def _renamed(old: Instance, new: Instance) -> tuple[list[str], frozenset[str]]:
    """In words, and the names that it carries now or did before, but not both."""
    said: list[str] = []
    names: frozenset[str] = frozenset()
    for field, had, has in (
        ("tags", old.tags, new.tags),
        ("service accounts", old.service_accounts, new.service_accounts),
        ("secure tags", old.secure_tags, new.secure_tags),
    ):
        if had == has:
            continue
        if had is None or has is None:
            said.append(f"its {field} are {'not known any more' if has is None else 'known now'}")
            names |= (had or frozenset()) | (has or frozenset())
        else:
            said += more_or_less(field, sorted(had), sorted(has), "none")
            names |= had ^ has
    return said, names


def _names_in(rule: Rule) -> frozenset[str]:
    return (
        rule.remote_tags
        | rule.target_tags
        | rule.remote_service_accounts
        | rule.target_service_accounts
        | rule.remote_secure_tags
        | rule.target_secure_tags
    )


def identity(machine: Instance) -> object:
    """Names are unique in a zone only."""
    return machine.zone, machine.name


# Routes


def routes(before: Firewall, after: Firewall) -> Iterator[Edited]:
    """Routes that came, went or lead elsewhere."""
    if before.routes is None or after.routes is None:
        return
    there = [{f"{m.zone}/{m.name}" for m in firewall.instances} for firewall in (before, after)]
    for old, new in paired(before.routes, after.routes, lambda r: (r.network, r.name)):
        route = new or old
        assert route is not None  # a pair has one of the two
        # A node that is added or removed takes its route with it.
        if old == new or (route.instance and (route.instance in there[0]) is not (route.instance in there[1])):
            continue
        deed = Deed.CREATED if old is None else Deed.DELETED if new is None else Deed.CHANGED
        said = f"route {route.name} {deed} ({_led(route)})"
        if old is not None and new is not None:
            said = f"route {route.name}: {_led(old)} → {_led(new)}"
        yield Edit(f"route:{route.name}", deed, said, f"routes/{route.name}"), ()


def _led(route: Route) -> str:
    hop = route.instance.rpartition("/")[2] or route.hop
    trouble = f", {route.trouble}" if route.trouble else ""
    return f"{route.destination} to {hop}, priority {route.priority}{trouble}"
