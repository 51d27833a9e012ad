"""The recording that a Terraform plan changes: a copy, and whose is what in it.

Names are a project's own, and a recording may show two projects: that of the machines, and under Shared VPC that of their network. A
network is a pair here, of its project and its name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pathcheck.wire.compute import last_part, network_meant, network_name, network_owner
from pathcheck.wire.firewall_rules import firewall_of

Raw = dict[str, Any]
Network = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What applies in one network and region; `policies` is the answer's own list."""

    network: Network
    region: str
    policies: list[Raw]


class Recorded:
    """A recording, to be changed in place."""

    def __init__(self, recording: Mapping[str, object]) -> None:
        self.raw: Raw = copy.deepcopy(dict(recording))
        self.project = str(recording.get("project"))
        nics = [nic for machine in self.listed("instances") for nic in _objects(machine.get("networkInterfaces"))]
        self._used = {network_name(str(nic["network"]), self.project) for nic in nics if nic.get("network")}

    def listed(self, key: str) -> list[Raw]:
        """The objects of one of its lists; none of one that is missing or no list."""
        return _objects(self.raw.get(key))

    def ours(self, project: object) -> bool:
        """Whether it is the machines' project or owns one of their networks; what does not say its project is taken to be of ours."""
        return project in [None, self.project, *(network_owner(name, self.project)[0] for name in self._used)]

    def network(self, text: object, project: object = None) -> Network:
        """The network that a field of the recording means, or, with the project that says so, a field of a plan."""
        name = str(text)
        if project is None:
            return network_owner(network_meant(name, self.project, self._used), self.project)
        if "projects/" in name:
            return network_owner(network_name(name, self.project), self.project)
        return str(project), last_part(name)

    def identity(self, raw: object) -> tuple[str, str]:
        """Project and name of a rule or route: it is in the project of its network."""
        if not isinstance(raw, dict):
            return "", ""
        network = raw.get("network")
        return self.network(network)[0] if isinstance(network, str) else self.project, str(raw.get("name"))

    def holders(self) -> Iterator[Raw]:
        """Everything that has a list of VPC rules."""
        yield self.raw
        for entry in self.listed("effectiveFirewalls"):
            if isinstance(entry.get("answer"), dict):
                yield entry["answer"]

    def answers(self) -> list[Answer]:
        """Every answer that could be read. An empty list says that there are no policies; each place then gets an answer that says so."""
        if self.raw.get("effectiveFirewalls") == [] and "effectiveFirewalls" not in (self.raw.get("unavailable") or {}):
            interfaces = [nic for machine in firewall_of(self.raw).instances for nic in machine.interfaces]
            places = sorted({(nic.network, nic.region) for nic in interfaces})
            self.raw["effectiveFirewalls"] = [{"network": n, "region": r, "answer": {}} for n, r in places]
        found = []
        for entry in self.listed("effectiveFirewalls"):
            answer = entry.get("answer")
            if isinstance(answer, dict) and _readable(answer.setdefault("firewallPolicys", [])):
                policies = answer["firewallPolicys"]
                found.append(Answer(self.network(entry.get("network")), last_part(entry.get("region")), policies))
        return found


def _objects(value: object) -> list[Raw]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _readable(policies: object) -> bool:
    """Of what is no such list the reader of the recording says so, and nothing may be put into it."""
    return isinstance(policies, list) and all(
        isinstance(policy, dict) and isinstance(policy.get("rules") or [], list) for policy in policies
    )


def owner_of(values: Raw, recorded: Recorded) -> str:
    """The project of an object of the plan."""
    project = values.get("project")
    return project if isinstance(project, str) and project else recorded.project
