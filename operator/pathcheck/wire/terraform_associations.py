"""Where the firewall policies of a Terraform plan apply: associations that come and go, in the answers of the recording.

A policy counts in the networks with which it is associated; a hierarchical one in all projects below the organization or folder. An
answer (https://cloud.google.com/compute/docs/reference/rest/v1/regionNetworkFirewallPolicies/getEffectiveFirewalls) has the policies
that apply, hierarchical ones in their order, the others with the priority of their association; of one priority, that whose association
comes first by name is asked first.

Where it cannot be told whether a policy applies, or what it holds, or where it stands, its rules are there as rules that may match, and
before all others of their kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pathcheck.wire.terraform_hierarchy import Hierarchy
from pathcheck.wire.terraform_machines import network_of
from pathcheck.wire.terraform_policies import Key, Policies, key_in, part_of, region_of
from pathcheck.wire.terraform_recording import Answer, Network, Recorded, owner_of
from pathcheck.wire.terraform_resources import UNKNOWN, Plan, Resource

Raw = dict[str, Any]
Told = Iterator[tuple[Resource, str]]
_ABOVE = ("google_folder", "google_organization")
_DEFAULT_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class _Link:
    """An association as it is, or as it will be: of which policy (None: not known) with what, in which region (None: not known, "": in
    all), and the order that it gives.
    """

    resource: Resource
    key: Key | None
    target: Network | str
    region: str | None
    name: object = None
    priority: object = None


def policies(resources: Sequence[Resource], plan: Plan, recorded: Recorded) -> Told:
    """Makes the plan's changes of policies, and yields a sentence for each resource of which it cannot be told what it comes to."""
    if not any(resource.changes for resource in resources):
        return
    answers = recorded.answers()
    contents = Policies(resources, plan, recorded, answers)
    links, hierarchy = _Links(resources, plan, recorded, contents), Hierarchy(plan.resources)
    told = [*contents.untold, *links.untold]
    for answer in answers:
        told += _Place(answer, contents, links, hierarchy).settle()
    # Many places may have the same doubt.
    yield from {(resource.address, why): (resource, why) for resource, why in told}.values()


class _Links:
    """The associations before and after, and those among the latter that the plan makes."""

    def __init__(self, resources: Sequence[Resource], plan: Plan, recorded: Recorded, contents: Policies) -> None:
        self.before: list[_Link] = []
        self.after: list[_Link] = []
        self.untold: list[tuple[Resource, str]] = []
        for resource in resources:
            if part_of(resource.kind)[1] != "association":
                continue
            for side, values in ((self.before, resource.before), (self.after, resource.after)):
                target = _target(resource, values, plan, recorded) if values is not None else None
                if values is None:
                    continue
                if target is not None:
                    key = contents.referred(resource, values)
                    region = key.region if key is not None and key.region else _region(resource, values)
                    side.append(_Link(resource, key, target, region, values.get("name"), values.get("priority")))
                elif resource.changes and not _in_new_folder(resource, plan):
                    self.untold.append((resource, "with what it associates the policy is not known before apply"))
        self.new = [link for link in self.after if link.resource.changes]

    def targets(self, key: Key) -> set[Network | str]:
        """With what this policy is associated now, as far as Terraform knows; a new one, with what it will be."""
        now = {link.target for link in self.before if link.key == key}
        return now or {link.target for link in self.after if link.key == key}

    def name(self, key: Key, target: Network | str) -> str | None:
        """What the association is called."""
        found = [link.name for link in (*self.after, *self.before) if (link.key, link.target) == (key, target)]
        return found[0] if found and isinstance(found[0], str) else None


def _target(resource: Resource, values: Raw, plan: Plan, recorded: Recorded) -> Network | str | None:
    """A network, or `folders/N` or `organizations/N`; None where that is not known."""
    text = values.get("attachment_target")
    if part_of(resource.kind)[0] == "HIERARCHY":
        if text == UNKNOWN:
            meant = plan.referred(resource, "attachment_target")
            text = (meant.after or {}).get("name") if meant is not None and meant.kind.endswith(_ABOVE) else None
        found = re.search(r"(?:folders|organizations)/\d+$", str(text))
        return found[0] if found else None
    if text == UNKNOWN:
        text = network_of(resource, plan, recorded, "attachment_target")
    return recorded.network(text, owner_of(values, recorded)) if isinstance(text, str) else None


def _region(resource: Resource, values: Raw) -> str | None:
    return region_of(part_of(resource.kind)[0], values, "firewall_policy")


def _in_new_folder(resource: Resource, plan: Plan) -> bool:
    """No recorded project is in a folder that is yet to be made."""
    meant = plan.referred(resource, "attachment_target")
    return meant is not None and meant.kind == "google_folder" and meant.made


class _Place:
    """One network and region, with the policies that apply there."""

    def __init__(self, answer: Answer, contents: Policies, links: _Links, hierarchy: Hierarchy) -> None:
        self._answer = answer
        self._contents = contents
        self._links = links
        self._hierarchy = hierarchy
        shown = [links.targets(key_in(policy, answer)) for policy in answer.policies]
        # Of what applies here, and is associated with one thing only, that is known to be above.
        self._above = {target for targets in shown if len(targets) == 1 for target in targets}
        self._policies: list[Raw] = []
        # Where hierarchical policies stand: those that were there at whole numbers, and before which one of them an association was.
        self._stands: dict[int, float] = {}
        self._stood: dict[Network | str, float] = {}

    def settle(self) -> Told:
        """The policies that go go, those that change are changed, those that come are put in their places."""
        for number, policy in enumerate(self._answer.policies):
            key = key_in(policy, self._answer)
            gone, doubt = self._gone(key)
            self._stands[id(policy)] = number
            if self._contents.leaves(key) or (gone and not doubt):
                self._stood |= dict.fromkeys((link.target for link in gone), number)
                continue
            if self._contents.touched(key):
                policy["rules"] = _listed(self._contents.rules(key))
            if doubt:
                policy["rules"] = [_doubtful(rule, doubt) for rule in policy.get("rules") or []]
                yield gone[0].resource, doubt
            self._policies.append(policy)
        stay = len(self._policies)
        for link in self._links.new:
            here = [policy for policy in self._policies if key_in(policy, self._answer) == link.key]
            if self._applies(link) is not False and not here:
                yield from ((link.resource, why) for why in self._put(link))
        if len(self._policies) > stay:
            self._settle_ties()
        self._answer.policies[:] = self._policies

    def _hierarchical(self) -> list[Raw]:
        return [policy for policy in self._policies if policy.get("type") == "HIERARCHY"]

    def _gone(self, key: Key) -> tuple[list[_Link], str]:
        """The associations that are not there any more, where no other is left; or why it is not known whether one is."""
        links = self._links
        gone = [link for link in links.before if link.key == key and link.resource.changes]
        gone = [link for link in gone if self._applies(link) is not False]
        left = [self._applies(link) for link in links.after if link.key == key]
        if True in left:
            return [], ""
        doubt = f"whether firewall policy {key.name} still applies in project {self._answer.network[0]} is not known"
        return gone, doubt if None in left else ""

    def _applies(self, link: _Link) -> bool | None:
        """Whether what has this association applies here; None where that is not known."""
        if isinstance(link.target, str):
            holds = self._hierarchy.holds(link.target, self._answer.network[0])
            return True if holds is None and link.target in self._above else holds
        if link.target != self._answer.network:
            return False
        return None if link.region is None else link.region in ("", self._answer.region)

    def _put(self, link: _Link) -> Iterator[str]:
        """The policy in its place; why it cannot be told what that comes to."""
        type_, _ = part_of(link.resource.kind)
        rules: list[Raw] | str = "which firewall policy it is of is known after apply"
        policy: Raw = {"name": link.resource.address, "type": type_, "priority": link.priority or _DEFAULT_PRIORITY}
        if link.key is not None:
            rules = self._contents.rules(link.key)
            policy |= {"name": link.key.name, "displayName": self._contents.display(link.key) or None}
        policy = {key: value for key, value in policy.items() if value is not None}
        policy["rules"] = _listed(rules)
        if isinstance(rules, str):
            yield rules
        doubt = (self._place_above if type_ == "HIERARCHY" else self._place_beside)(link, policy)
        if doubt:
            yield doubt
            policy["rules"] = [_doubtful(rule, doubt) for rule in policy["rules"]]

    def _place_above(self, link: _Link, policy: Raw) -> str:
        """A hierarchical policy: in the place of what was associated with the same, else by what is above what; else first."""
        target, project = str(link.target), self._answer.network[0]
        policy.pop("priority")
        others, path = self._hierarchical(), self._hierarchy.path(project)
        places = [[at for at in path if at in self._links.targets(key_in(other, self._answer))] for other in others]
        stands, doubt = -1.0, ""
        if self._applies(link) is None:
            doubt = f"whether {target} is above project {project} is not known"
        elif target in self._stood:
            stands = self._stood[target]
        elif target in path and all(len(place) == 1 for place in places):
            above = [
                each for each, place in zip(others, places, strict=True) if path.index(place[0]) > path.index(target)
            ]
            stands = max((self._stands[id(each)] for each in above), default=-1.0) + 0.5
        elif others and not target.startswith("organizations/"):
            doubt = f"which hierarchical policies are asked before that of {target} is not known"
        self._stands[id(policy)] = stands
        rest = [each for each in self._policies if each.get("type") != "HIERARCHY"]
        self._policies = [*sorted([policy, *others], key=lambda each: self._stands[id(each)]), *rest]
        return doubt

    def _place_beside(self, link: _Link, policy: Raw) -> str:
        """A network policy: by the priority of its association, then by the name of that; else first."""
        tied = [p for p in self._policies if p.get("type") == policy["type"] and _rank(p) == policy["priority"]]
        doubt = ""
        if link.region is None:
            doubt = "its region is known after apply"
        elif policy["priority"] == UNKNOWN:
            doubt = "its priority is known after apply"
        elif tied and not all(self._name(each) for each in (*tied, policy)):
            other = tied[0].get("name")
            doubt = f"whether firewall policy {other}, of the same priority, is asked before it is not known"
        if doubt:
            policy["priority"] = 0
        self._policies.append(policy)
        return doubt

    def _name(self, policy: Raw) -> str:
        """What the association of a network policy is called, if that is known."""
        return self._links.name(key_in(policy, self._answer), self._answer.network) or ""

    def _settle_ties(self) -> None:
        """Associations of one priority are asked by their names, which an answer does not show; so they are numbered anew."""
        for type_ in ("NETWORK", "NETWORK_REGIONAL"):
            same = [policy for policy in self._policies if policy.get("type") == type_]
            if len({_rank(policy) for policy in same}) < len(same):
                for number, each in enumerate(
                    sorted(same, key=lambda p: (_rank(p), self._name(p) or str(p.get("name"))))
                ):
                    each["priority"] = number


def _rank(policy: Raw) -> int:
    priority = policy.get("priority")
    return priority if isinstance(priority, int) else _DEFAULT_PRIORITY


def _listed(rules: list[Raw] | str) -> list[Raw]:
    """Rules, or one that says why nobody knows them."""
    return [{"unavailable": rules}] if isinstance(rules, str) else rules


def _doubtful(rule: Raw, why: str) -> Raw:
    """The rule as one that may match. One that hands on comes to the same."""
    if rule.get("action") == "goto_next" or "unavailable" in rule:
        return rule
    return {**rule, "targetResources": {"unavailable": why}}
