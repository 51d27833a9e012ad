"""Which rules were edited, and how is it said? VPC firewall rules and firewall policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pathcheck.core.changes.edits import Edited, more_or_less, paired
from pathcheck.core.rules.near_misses import l4_of, remote_of, target_of
from pathcheck.model.drift import Deed, Edit
from pathcheck.model.firewall import Firewall
from pathcheck.model.rules import Policy, Rule
from pathcheck.model.words import Action, Direction

# VPC rules


def vpc_rules(before: Firewall, after: Firewall) -> Iterator[Edited]:
    """The edits of VPC firewall rules."""
    yield from _of_rules(before.rules, after.rules, lambda rule: f"firewalls/{rule.name}")


def _of_rules(before: Iterable[Rule], after: Iterable[Rule], resource: Callable[[Rule], str]) -> Iterator[Edited]:
    def key(rule: Rule) -> object:
        return rule.id, rule.network, rule.direction

    for old, new in paired(before, after, key):
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
        said += more_or_less(field, list(had), list(has))
    if new.cannot_tell and old.cannot_tell != new.cannot_tell:
        said.append(f"cannot be judged any more: {new.cannot_tell}")
    elif old.cannot_tell and not new.cannot_tell:
        said.append("can be judged now")
    return ", ".join(said) or "a condition of it changed"


# Firewall policies


def policies(before: Firewall, after: Firewall) -> Iterator[Edited]:
    """Those of firewall policies: their rules, where they apply, and in which order they are asked."""

    def key(policy: Policy) -> object:
        return policy.stage, policy.name, policy.network, policy.region

    told_of: dict[Edit, tuple[Rule, ...]] = {}
    for old, new in paired(before.policies, after.policies, key):
        policy = new or old
        assert policy is not None  # a pair has one of the two
        if old is None or new is None:
            deed = Deed.CREATED if old is None else Deed.DELETED
            verb = "applies now" if old is None else "applies no longer"
            where = f" in network {policy.network}" if policy.network else ""
            said = f"{policy.stage.title} {policy.display or policy.name} {verb}{where}"
            edits = [(Edit(f"policy:{policy.name}", deed, said, f"firewallPolicies/{policy.name}"), policy.rules)]
        else:
            edits = list(_of_rules(old.rules, new.rules, lambda rule: f"firewallPolicies/{rule.policy}"))
        for edit, rules in edits:
            # A policy stands in the answer for every network and region; the edit is one, and its rules are those of all.
            told_of[edit] = (*told_of.get(edit, ()), *(replace(r, network=policy.network) for r in rules))
    yield from told_of.items()
    yield from _reordered(before, after)


def _reordered(before: Firewall, after: Firewall) -> Iterator[Edited]:
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
