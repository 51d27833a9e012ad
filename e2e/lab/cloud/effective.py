"""Which firewall policies apply where: what getEffectiveFirewalls answers, and what is enforced.

Evaluation order: https://docs.cloud.google.com/firewall/docs/firewall-policies-rule-eval-order. The seed's own answers
(`effectiveFirewalls`) stay as they were recorded; policies that were made here come in addition. Google's system
policies can only be recorded. The emulator knows no tree of folders: whatever a hierarchical policy is associated with,
an organization or a folder, is above the project, folders in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e.lab.cloud import policy_rules
from e2e.lab.cloud.associations import DEFAULT_PRIORITY
from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.policies import COLLECTION
from e2e.lab.cloud.store import ORGANIZATIONAL, Json, SeedError, Store

# In the order in which they are asked.
TYPES = ("HIERARCHY", "SYSTEM_GLOBAL", "SYSTEM_REGIONAL", "NETWORK", "NETWORK_REGIONAL")
_REGIONAL = ("SYSTEM_REGIONAL", "NETWORK_REGIONAL")


@dataclass(frozen=True, slots=True)
class _Applied:
    """A policy where it applies: as it is answered, and its place among those of its type."""

    answer: Json
    rank: tuple[int, str]

    @property
    def stage(self) -> int:
        return TYPES.index(self.answer["type"]) if self.answer.get("type") in TYPES else len(TYPES)


class Effective:
    """The policies by network and region. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, recording: Mapping[str, Any], groups: Collection[str]) -> None:
        """Takes the answers of a recording.

        Raises:
            SeedError: an entry of effectiveFirewalls has not what it must have.
        """
        self._store = store
        self._recorded = _recorded(recording)
        self._groups = groups

    def recorded_names(self) -> set[str]:
        """The names of the recorded policies, which no other may take: they could not be told apart."""
        return {str(policy.get("name")) for policies in self._recorded.values() for policy in policies}

    def notes(self) -> list[str]:
        """One line for each recorded rule that is answered and not enforced."""
        return [
            f"policy:{policy.get('name')}/{rule.get('priority') if isinstance(rule, dict) else rule} of network {network} "
            f"in {region} is answered and not enforced: {why}"
            for (network, region), policies in self._recorded.items()
            for policy in policies
            for rule in policy.get("rules", [])
            if (why := self._why_not(policy, rule))
        ]

    def answered(self, network: Json, region: str | None) -> list[Json]:
        """The policies of a network's answer, or, with a region, of that region's."""
        recorded = self._of_recording(network, region)
        made = self._made(network, region)
        if not made:
            return [each.answer for each in recorded]
        return [each.answer for each in sorted([*recorded, *made], key=lambda each: each.stage)]

    def enforced(self, network: Json, region: str) -> list[Json]:
        """The same in the order in which they are asked, with only those of their rules that can be enforced."""
        applied = [*self._of_recording(network, region), *self._made(network, region)]
        return [
            each.answer
            | {"rules": [rule for rule in each.answer.get("rules", []) if not self._why_not(each.answer, rule)]}
            for each in sorted(applied, key=lambda each: (each.stage, each.rank))
            if each.stage < len(TYPES)
        ]

    def _of_recording(self, network: Json, region: str | None) -> list[_Applied]:
        if region is None:
            by_name = {
                str(policy.get("name") or policy.get("id")): policy
                for (name, _), found in self._recorded.items()
                for policy in found
                if name == network["name"] and policy.get("type") not in _REGIONAL
            }
            found: Sequence[Json] = list(by_name.values())
        else:
            found = self._recorded.get((network["name"], region), [])
        return [_Applied(policy, _recorded_rank(policy, place)) for place, policy in enumerate(found)]

    def _made(self, network: Json, region: str | None) -> list[_Applied]:
        found = [
            _Applied(_answer(policy, "HIERARCHY"), _node_rank(association["attachmentTarget"]))
            for policy in self._store.within(f"{ORGANIZATIONAL}{COLLECTION}")
            for association in policy["associations"]
        ]
        found.sort(key=lambda each: each.rank)
        parents = [("NETWORK", f"global/{COLLECTION}")]
        parents += [("NETWORK_REGIONAL", f"regions/{region}/{COLLECTION}")] if region else []
        for kind, parent in parents:
            ranked = [
                _Applied(
                    _answer(policy, kind) | {"priority": association["priority"]},
                    (association["priority"], association["name"]),
                )
                for policy in self._store.within(parent)
                for association in policy["associations"]
                if association["attachmentTarget"] == network["selfLink"]
            ]
            found += sorted(ranked, key=lambda each: each.rank)
        return found

    def _why_not(self, policy: Json, rule: Any) -> str:
        if policy.get("type") not in TYPES:
            return f"type {policy.get('type')} is unknown"
        try:
            # Recorded rules are judged by what may be made here; the rules made here have passed already.
            policy_rules.stored(policy_rules.check_fields(rule), self._groups, hierarchical=True)
        except ApiError as error:
            return error.message
        return ""


def for_region(policies: Sequence[Json]) -> list[Json]:
    """As the regional answer has them: it knows no shortName."""
    return [{key: value for key, value in policy.items() if key != "shortName"} for policy in policies]


def _answer(policy: Json, kind: str) -> Json:
    known = ("name", "displayName", "shortName", "rules")
    return {key: policy[key] for key in known if key in policy} | {"type": kind}


def _recorded_rank(policy: Json, place: int) -> tuple[int, str]:
    # Hierarchical ones come in their order, the others by their associations' priority.
    if policy.get("type") == "HIERARCHY":
        return -1, f"{place:06}"
    return int(policy.get("priority") or DEFAULT_PRIORITY), str(policy.get("name"))


def _node_rank(target: str) -> tuple[int, str]:
    kind, _, number = target.partition("/")
    return int(kind == "folders"), number.zfill(20)


def _recorded(recording: Mapping[str, Any]) -> dict[tuple[str, str], list[Json]]:
    """The recorded firewall policies by network and region."""
    policies: dict[tuple[str, str], list[Json]] = {}
    for index, entry in enumerate(recording.get("effectiveFirewalls", [])):
        try:
            found = entry["answer"].get("firewallPolicys", [])
            policies[entry["network"], entry["region"]] = [dict(policy) for policy in found]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SeedError(f"effectiveFirewalls[{index}] must have network, region and answer") from error
    return policies
