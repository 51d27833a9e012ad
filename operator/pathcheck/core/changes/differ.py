"""What differs between two readings of a firewall: what was edited, and which packets are permitted no longer because of it?

Both must have read the same: a list that only one of them has would look like rules that came or went (wire/kept.py sees to that).
Machines that come and go are not told: clusters grow and shrink, and no rule is otherwise for it. The names a machine carries are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pathcheck.core.changes.territory import told
from pathcheck.core.fixes.flips import flips
from pathcheck.core.rules.near_misses import l4_of, remote_of, target_of
from pathcheck.model.drift import Deed, Difference, Edit
from pathcheck.model.firewall import Firewall
from pathcheck.model.machines import Instance, Network, Route
from pathcheck.model.rules import L4Match, Policy, Rule, Stage
from pathcheck.model.words import Action, Direction

_MOST_LINES = 8
# Changed rules times machines: each pair of what they part is predicted twice, some seconds in all at this many.
_MOST_WORK = 16_000
_ANYTHING = (L4Match(None),)
T = TypeVar("T")
Changes = list[tuple[Edit, tuple[Rule, ...]]]
"""Each edit with the rules that come to something else because of it."""


def differ(before: Firewall, after: Firewall) -> Difference:
    """The edits, and what they close and open between all addresses; nothing where no packet can meet anything else."""
    changes: Changes = [
        *_rules(before, after),
        *_policies(before, after),
        *_networks(before, after),
        *_machines(before, after),
        *_routes(before, after),
    ]
    networks = [n.name for n in after.networks] or sorted({r.network for r in after.rules})
    changed = [rule for _, rules in changes for r in rules if r.in_force for rule in _spread(r, networks)]
    edits = tuple(edit for edit, _ in changes)
    ground = _ground(before, after)
    if changed and not ground.instances:
        return Difference(edits, untold="the two have no machine in common")
    if len(changed) * len(ground.instances) > _MOST_WORK:
        return Difference(
            edits, untold=f"{len(changed)} rules among {len(ground.instances)} machines are too many to tell"
        )
    found = flips(list(dict.fromkeys(changed)), before, after, ground=ground)
    lines = [(flip.opened, told(flip, changed, ground)) for flip in found[:_MOST_LINES]]
    return Difference(
        edits,
        closes=tuple(dict.fromkeys(line for opened, line in lines if not opened)),
        opens=tuple(dict.fromkeys(line for opened, line in lines if opened)),
        beyond=max(len(found) - _MOST_LINES, 0),
    )


# VPC rules


def _rules(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    def resource(rule: Rule) -> str:
        return f"firewalls/{rule.name}"

    yield from _of_rules(before.rules, after.rules, resource)


def _of_rules(
    before: Iterable[Rule], after: Iterable[Rule], resource: Callable[[Rule], str]
) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    def key(rule: Rule) -> object:
        return rule.id, rule.network, rule.direction

    for old, new in _paired(before, after, key):
        if old is not None and new is not None and replace(old, display="") == replace(new, display=""):
            continue
        rule = new or old
        assert rule is not None  # a pair has one of the two
        deed = Deed.CREATED if old is None else Deed.DELETED if new is None else Deed.CHANGED
        said = f"{rule.spoken} {deed}" if old is None or new is None else f"{rule.spoken}: {_changes(old, new)}"
        rules = tuple(r for r in (old, new) if r is not None)
        yield Edit(rule.id, deed, f"{said}{_gist(rules[0], deed)}", resource(rule)), rules


def _gist(rule: Rule, deed: Deed) -> str:
    """What a rule that came or went says, so that nobody has to remember it."""
    if deed is Deed.CHANGED or rule.cannot_tell:
        return ""
    way = "from" if rule.direction is Direction.INGRESS else "to"
    verb = {Action.ALLOW: "admits", Action.DENY: "denies", Action.INSPECT: "has inspected"}.get(rule.action, "hands on")
    if deed is Deed.DELETED:
        verb = {"admits": "admitted", "denies": "denied", "hands on": "handed on"}.get(verb, verb)
    on = "" if rule.any_target else f" on machines with {target_of(rule)}"
    disabled = ", disabled" if rule.disabled else ""
    return f" ({verb} {l4_of(rule.l4)} {way} {remote_of(rule)}{on}{disabled})"


def _changes(old: Rule, new: Rule) -> str:
    """Field by field, as the API spells them."""
    inward = new.direction is Direction.INGRESS
    remote, local = ("source", "destination") if inward else ("destination", "source")
    said = []
    if old.disabled is not new.disabled:
        said.append("disabled" if new.disabled else "enabled")
    for field, was, now in (
        ("action", old.action, new.action),
        ("priority", old.priority, new.priority),
    ):
        if was != now:
            said.append(f"{field} {was} → {now}")
    for field, had, has in (
        ("traffic", map(str, old.l4), map(str, new.l4)),
        (f"{remote}Ranges", map(str, old.remote_ranges), map(str, new.remote_ranges)),
        (f"{remote}Tags", old.remote_tags, new.remote_tags),
        (f"{remote}ServiceAccounts", old.remote_service_accounts, new.remote_service_accounts),
        (f"{remote}SecureTags", old.remote_secure_tags, new.remote_secure_tags),
        (f"{local}Ranges", map(str, old.local_ranges), map(str, new.local_ranges)),
        ("targetTags", old.target_tags, new.target_tags),
        ("targetServiceAccounts", old.target_service_accounts, new.target_service_accounts),
        ("targetSecureTags", old.target_secure_tags, new.target_secure_tags),
    ):
        said += _more_or_less(field, list(had), list(has))
    if new.cannot_tell and old.cannot_tell != new.cannot_tell:
        said.append(f"cannot be judged any more: {new.cannot_tell}")
    elif old.cannot_tell and not new.cannot_tell:
        said.append("can be judged now")
    return ", ".join(said) or "a condition of it changed"


def _more_or_less(field: str, had: Sequence[str], has: Sequence[str], empty: str = "any") -> Iterator[str]:
    """`empty` is what having none of them means."""
    lost, won = [x for x in had if x not in has], [x for x in has if x not in had]
    if lost and won:
        yield f"{field} {', '.join(sorted(lost))} → {', '.join(sorted(won))}"
    elif lost:
        yield f"{field} without {', '.join(sorted(lost))}" if has else f"{field} {', '.join(sorted(lost))} → {empty}"
    elif won:
        yield f"{field} with {', '.join(sorted(won))}" if had else f"{field} {empty} → {', '.join(sorted(won))}"


# Firewall policies


def _policies(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    def key(policy: Policy) -> object:
        return policy.stage, policy.name, policy.network, policy.region

    told_of: dict[Edit, tuple[Rule, ...]] = {}
    for old, new in _paired(before.policies, after.policies, key):
        policy = new or old
        assert policy is not None  # a pair has one of the two
        if old is None or new is None:
            deed = Deed.CREATED if old is None else Deed.DELETED
            verb = "applies now" if old is None else "applies no longer"
            where = f" in network {policy.network}" if policy.network else ""
            said = f"{policy.stage.title} {policy.display or policy.name} {verb}{where}"
            edits = [(Edit(f"policy:{policy.name}", deed, said, f"firewallPolicies/{policy.name}"), policy.rules)]
        else:

            def resource(rule: Rule) -> str:
                return f"firewallPolicies/{rule.policy}"

            edits = list(_of_rules(old.rules, new.rules, resource))
        for edit, rules in edits:
            # A policy stands in the answer for every network and region; the edit is one, and its rules are those of all.
            told_of[edit] = (*told_of.get(edit, ()), *(replace(r, network=policy.network) for r in rules))
    yield from told_of.items()
    yield from _reordered(before, after)


def _reordered(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    """Policies of one stage that are asked in another order."""
    places = dict.fromkeys((p.stage, p.network, p.region) for p in before.policies)
    seen = set()
    for stage, network, region in places:
        orders = [
            [p.name for p in firewall.policies if (p.stage, p.network, p.region) == (stage, network, region)]
            for firewall in (before, after)
        ]
        old, new = ([name for name in order if name in set(orders[0]) & set(orders[1])] for order in orders)
        if old == new:
            continue
        names = [name for i, name in enumerate(new) if name != old[i]]
        edit = Edit(
            f"network:{network}",
            Deed.CHANGED,
            f"network {network} asks {', '.join(new)} in this order",
            f"firewallPolicies/{names[0]}",
        )
        if edit not in seen:
            seen.add(edit)
            moved = [p for p in after.policies if p.stage is stage and p.network == network and p.name in names]
            yield edit, tuple(replace(r, network=network) for p in moved for r in p.rules)


# Networks


def _networks(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    for old, new in _paired(before.networks, after.networks, lambda n: n.name):
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


def _machines(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    every = [
        *before.rules,
        *after.rules,
        *(replace(r, network=p.network) for f in (before, after) for p in f.policies for r in p.rules),
    ]
    for old, new in _paired(before.instances, after.instances, _identity):
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
            said += _more_or_less(field, sorted(had), sorted(has), "none")
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


def _identity(machine: Instance) -> object:
    return machine.zone, machine.name


def _ground(before: Firewall, after: Firewall) -> Firewall:
    """Machines that both have, with all names that they carry in either: whichever rule is for them in one of the two is asked."""
    machines = []
    for old, new in _paired(before.instances, after.instances, _identity):
        if old is not None and new is not None:
            secure = None if old.secure_tags is None or new.secure_tags is None else old.secure_tags | new.secure_tags
            machines.append(
                replace(
                    new,
                    tags=old.tags | new.tags,
                    service_accounts=old.service_accounts | new.service_accounts,
                    secure_tags=secure,
                )
            )
    return replace(after, instances=tuple(machines))


# Routes


def _routes(before: Firewall, after: Firewall) -> Iterator[tuple[Edit, tuple[Rule, ...]]]:
    if before.routes is None or after.routes is None:
        return
    machines = [{f"{m.zone}/{m.name}" for m in firewall.instances} for firewall in (before, after)]
    for old, new in _paired(before.routes, after.routes, lambda r: (r.network, r.name)):
        route = new or old
        assert route is not None  # a pair has one of the two
        # A node that is added or removed takes its route with it.
        if old == new or (route.instance and (route.instance in machines[0]) is not (route.instance in machines[1])):
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


# All of them


def _paired(before: Iterable[T], after: Iterable[T], key: Callable[[T], object]) -> Iterator[tuple[T | None, T | None]]:
    """What is one and the same, in the order of `before`, then what is new."""
    had, has = _by(before, key), _by(after, key)
    yield from ((thing, has.get(k)) for k, thing in had.items())
    yield from ((None, thing) for k, thing in has.items() if k not in had)


def _by(things: Iterable[T], key: Callable[[T], object]) -> Mapping[object, T]:
    return {key(thing): thing for thing in things}


def _spread(rule: Rule, networks: Sequence[str]) -> Iterator[Rule]:
    """A rule as broad as it may be: what could not be read of one may be one more source, one more target, any traffic, any network."""
    if rule.cannot_tell or not rule.l4:
        rule = Rule(
            rule.name,
            rule.network,
            rule.direction,
            rule.priority,
            rule.action,
            rule.l4 or _ANYTHING,
            stage=rule.stage,
            policy=rule.policy,
        )
    if rule.network:
        yield rule
    else:
        yield from (replace(rule, network=network) for network in networks)
