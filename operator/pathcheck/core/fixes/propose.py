"""Which smallest change of rules would mend it? Never a guess: the change is made and everything is predicted again before it is shown.

Of the candidates those are left that bring every flow to what is wished and no flow of any check away from it, ranked by how little
else they change. Where none is left, the answer says why not: whose policy it is, for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pathcheck.core.fixes.besides import Besides, besides
from pathcheck.core.fixes.candidates import OURS, Changes, Explained, admitting, narrowed, refusing
from pathcheck.core.proofs.foresee import samples
from pathcheck.core.rules.index import Index
from pathcheck.core.rules.near_misses import l4_of, listed, remote_of, target_of
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.tabulate import tabulate
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.fixes import Change, Fix, Proposal
from pathcheck.model.flows import Endpoint, Flow, Range
from pathcheck.model.plans import Bundle
from pathcheck.model.rules import Policy, Rule, Stage
from pathcheck.model.words import Action, Direction, Expectation, Prediction

_MOST_FIXES = 5
_WISHED = {Expectation.REACHABLE: Prediction.PERMITTED, Expectation.ISOLATED: Prediction.BLOCKED}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What all checks together want of the firewall: flows that must pass, flows that must not, and very many of either at once."""

    reachable: tuple[Flow, ...] = ()
    isolated: tuple[Flow, ...] = ()
    bundles: tuple[tuple[Expectation, Bundle], ...] = ()


def propose(
    name: str,
    flows: Sequence[Flow],
    expectation: Expectation,
    sources: Sequence[Range],
    wishes: Wishes,
    firewall: Firewall,
    reasons: Mapping[Flow, Explanation] | None = None,
) -> Proposal:
    """Fixes after which all of `flows` are as expected, and none of the wishes is further from being so than before.

    `sources` are ranges to speak of instead of the senders' single addresses: pod ranges rather than pods. `name` is what it is for.
    `reasons` are explanations to take for flows on every port, of which no single one can be predicted.
    An operator asks the same at every look, so the last answer for a name is kept as long as the firewall is.
    """
    asked = (tuple(flows), expectation, tuple(sources), wishes)
    known = firewall.compiled.get(("proposed", name, len(flows)))
    if isinstance(known, tuple) and known[0] == asked:
        kept: Proposal = known[1]
        return kept
    proposal = _propose(name, flows, expectation, sources, wishes, firewall, reasons)
    firewall.compiled["proposed", name, len(flows)] = (asked, proposal)
    return proposal


def _propose(
    name: str,
    flows: Sequence[Flow],
    expectation: Expectation,
    sources: Sequence[Range],
    wishes: Wishes,
    firewall: Firewall,
    reasons: Mapping[Flow, Explanation] | None = None,
) -> Proposal:
    reasons = reasons or {}
    explained = [(flow, reasons.get(flow) or predict(flow, firewall)) for flow in dict.fromkeys(flows)]
    unlike = [(flow, e) for flow, e in explained if e.prediction is not _WISHED[expectation]]
    hopeless = _hopeless(unlike, expectation, firewall)
    if hopeless or not unlike:
        return Proposal(why_not=hopeless or "the firewall as read does already what is wished")
    wanted = [flow for flow, _ in explained]
    mended = [flow for flow, _ in unlike]
    ways = admitting if expectation is Expectation.REACHABLE else refusing
    candidates = list(ways(name, unlike, sources, firewall))
    sound = list(_sound(candidates, wanted, expectation, wishes, firewall))
    if not sound and expectation is Expectation.REACHABLE:
        # Only where it must be: whoever adds a node to the check would have to change the rule again.
        closer = [narrowed(c, mended, firewall) for c in candidates if all(change.before is None for change in c)]
        sound = list(_sound(closer, wanted, expectation, wishes, firewall))
    if not sound:
        return Proposal(why_not=_rejected(candidates, expectation))
    measured = [
        (changes, besides(_touched(changes, firewall), mended, sources, firewall, after)) for changes, after in sound
    ]
    # By what else changes, then by how many rules; a rule that is there already, and names for few, come first by themselves.
    measured.sort(key=lambda pair: (pair[1].weight, len(pair[0])))
    # Of those that come to the same, one is enough.
    different = {(beside, len(changes)): changes for changes, beside in reversed(measured)}
    kept = sorted(different, key=lambda key: (key[0].weight, key[1]))[:_MOST_FIXES]
    return Proposal(tuple(_fix(different[key], key[0], len(mended), firewall) for key in kept))


def _sound(
    candidates: Iterable[Changes],
    flows: Sequence[Flow],
    expectation: Expectation,
    wishes: Wishes,
    firewall: Firewall,
) -> Iterator[tuple[Changes, Firewall]]:
    """Those after which all flows are as expected and no wish is broken that held before."""
    held = {
        Expectation.REACHABLE: _as_wished(wishes.reachable, Expectation.REACHABLE, firewall),
        Expectation.ISOLATED: _as_wished(wishes.isolated, Expectation.ISOLATED, firewall),
    }
    for changes in dict.fromkeys(candidates):
        after = changed(firewall, changes)
        if any(prediction is not _WISHED[expectation] for prediction in predictions(flows, after)):
            continue
        if any(len(_as_wished(kept, wish, after)) < len(kept) for wish, kept in held.items()):
            continue
        if not any(_breaks(bundle, wish, firewall, after) for wish, bundle in wishes.bundles):
            yield changes, after


def _breaks(bundle: Bundle, expectation: Expectation, before: Firewall, after: Firewall) -> bool:
    """Whether any part of it was as wished and is so no more; the changes may cut it finer than it was."""
    flows = list(samples([bundle], after))
    held = _as_wished(flows, expectation, before)
    return len(_as_wished(held, expectation, after)) < len(held)


def _as_wished(flows: Sequence[Flow], expectation: Expectation, firewall: Firewall) -> list[Flow]:
    """Those that are so; for other checks a flow is isolated as long as it is not permitted."""
    return [
        flow
        for flow, prediction in zip(flows, predictions(flows, firewall), strict=True)
        if (prediction is Prediction.PERMITTED) is (expectation is Expectation.REACHABLE)
    ]


def predictions(flows: Sequence[Flow], firewall: Firewall) -> list[Prediction]:
    """The same as `predict` without reasons, by classes: a check has tens of thousands of flows, and few ends."""
    starts: dict[Endpoint, int] = {}
    ends: dict[Endpoint, int] = {}
    for flow in flows:
        starts.setdefault(flow.source, len(starts))
        ends.setdefault(flow.destination, len(ends))
    l4s = {l4: i for i, l4 in enumerate(dict.fromkeys(flow.l4 for flow in flows))}
    table = tabulate(list(starts), list(ends), list(l4s), firewall)
    return [table.prediction(starts[f.source], ends[f.destination], l4s[f.l4]) for f in flows]


def changed(firewall: Firewall, changes: Sequence[Change]) -> Firewall:
    """The firewall with these changes made. What was compiled of networks and directions that they do not touch stays."""
    rules, policies = firewall.rules, list(firewall.policies)
    for change in changes:
        if change.after.stage is Stage.VPC:
            rules = _changed(rules, change, change.after)
            continue
        # The same policy stands in the answer for every network and region in which it applies.
        for i, policy in enumerate(policies):
            if _holds(policy, change):
                after = replace(change.after, network=policy.network)
                policies[i] = replace(policy, rules=_changed(policy.rules, change, after))
    mended = replace(firewall, rules=rules, policies=tuple(policies))
    touched = {(rule.network, rule.direction) for rule in _touched(changes, firewall)}
    for key, compiled in firewall.compiled.items():
        if isinstance(compiled, Index) and isinstance(key, tuple):
            network, _, direction = key
            if not {(network, direction), ("", direction)} & touched:
                mended.compiled[key] = compiled
    return mended


def _holds(policy: Policy, change: Change) -> bool:
    return (policy.name, policy.stage) == (change.after.policy, change.after.stage)


def _changed(rules: tuple[Rule, ...], change: Change, after: Rule) -> tuple[Rule, ...]:
    if change.before is None:
        return (*rules, after)
    return tuple(after if rule.id == change.before.id else rule for rule in rules)


def _touched(changes: Sequence[Change], firewall: Firewall) -> list[Rule]:
    """Every rule that packets meet before or after, but not both alike; one of a policy for every network in which it applies."""
    rules = [rule for change in changes for rule in (change.before, change.after) if rule is not None and rule.in_force]
    found: dict[Rule, None] = {}
    for rule in rules:
        networks = [p.network for p in firewall.policies if (p.name, p.stage) == (rule.policy, rule.stage)]
        found |= {replace(rule, network=network): None for network in networks or [rule.network]}
    return list(found)


def _fix(changes: Changes, beside: Besides, upholds: int, firewall: Firewall) -> Fix:
    sentence = " and ".join(_sentence(change) for change in changes)
    return Fix(firewall.project, changes, upholds, sentence, beside.opens, beside.closes, beside.beyond)


# In words


def _sentence(change: Change) -> str:
    rule, before = change.after, change.before
    verb = "admits" if rule.action is Action.ALLOW else "denies"
    way = "from" if rule.direction is Direction.INGRESS else "to"
    what = f"{verb} {l4_of(rule.l4)} {way} {remote_of(rule)}"
    if before is not None:
        called = (
            f"rule {rule.priority} of {rule.stage.title} {rule.display or rule.policy}" if rule.policy else rule.name
        )
        if before.disabled is not rule.disabled:
            return f"{called} {'disabled' if rule.disabled else 'enabled'}, which {what}"
        return f"{called} changed so that it only {what}"
    place = f" in {rule.stage.title} {rule.display or rule.policy}" if rule.policy else ""
    target = "every machine" if rule.any_target else f"machines with {target_of(rule)}"
    near = f", at {listed(rule.local_ranges)} only" if rule.local_ranges else ""
    return f"a rule{place} that {what} on {target}{near}"


def _hopeless(unlike: Explained, expectation: Expectation, firewall: Firewall) -> str:
    """What no rule of ours can mend, whatever it says."""
    if expectation is Expectation.ISOLATED:
        return _out_of_reach(unlike, firewall)
    for flow, e in unlike:
        if e.prediction is not Prediction.BLOCKED:
            return f"{flow} cannot be told: {e.why}"
        for obstacle in e.obstacles:
            rule = firewall.rule(obstacle.name)
            if obstacle.name.startswith("undecided:") or (rule is not None and rule.stage not in OURS):
                others = [o.name for o in e.obstacles if o is not obstacle]
                also = f"; also in the way: {listed(others)}" if others else ""
                return f"no rule of the project mends it: {obstacle.sentence}{also}"
    return ""


def _out_of_reach(unlike: Explained, firewall: Firewall) -> str:
    for flow, e in unlike:
        if e.prediction is not Prediction.PERMITTED or e.direction is None:
            return f"no rule keeps {flow} out: {e.why or ', '.join(e.decided_by)}"
        sides = [[firewall.rule(name) for name in names] for names in (e.egress, e.ingress) if names]
        if all(any(rule is not None and rule.stage not in OURS for rule in rules) for rules in sides):
            owner = next(rule for rules in sides for rule in rules if rule is not None and rule.stage not in OURS)
            return f"no rule of the project mends it: {_owned(owner)} admits it, and only its owner can change it"
    return ""


def _owned(rule: Rule) -> str:
    return f"rule {rule.priority} of {rule.stage.title} {rule.display or rule.policy}"


def _rejected(candidates: Sequence[Changes], expectation: Expectation) -> str:
    if not candidates:
        return "no rule can be asked before what decides now"
    other = "isolated" if expectation is Expectation.REACHABLE else "reachable"
    return f"every change that would do breaks what a check wants {other}, or is not enough ({len(candidates)} tried)"
