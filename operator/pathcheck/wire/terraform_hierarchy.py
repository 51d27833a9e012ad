"""Which organization and folders are above a project: what a Terraform plan's projects, folders and data sources say of it.

A recording does not say where in the hierarchy its projects are, so a new association of a hierarchical firewall policy may apply to them
or not. google_project and google_folder do
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/google_project and its neighbour).
"""

from __future__ import annotations

from collections.abc import Iterable

from pathcheck.wire.terraform_resources import Resource


class Hierarchy:
    """Every project and folder of the plan, with what is directly above it."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._above: dict[str, str] = {}
        for resource in resources:
            values = resource.after or {}
            kind = resource.kind.removeprefix("data.")
            if kind == "google_project":
                parents = [("folders", values.get("folder_id")), ("organizations", values.get("org_id"))]
                self._add(f"projects/{values.get('project_id')}", parents)
            elif kind == "google_folder" and isinstance(values.get("parent"), str):
                self._above[str(values.get("name"))] = values["parent"]

    def _add(self, name: str, parents: list[tuple[str, object]]) -> None:
        """The folder, where it is in one; else the organization."""
        for kind, number in parents:
            if isinstance(number, str) and number:
                self._above.setdefault(name, f"{kind}/{number.removeprefix(f'{kind}/')}")

    def path(self, project: str) -> list[str]:
        """What is known to be above this project, from below; the last is its organization, where all is known."""
        found: list[str] = []
        at = self._above.get(f"projects/{project}")
        while at is not None and at not in found:
            found.append(at)
            at = self._above.get(at)
        return found

    def holds(self, target: str, project: str) -> bool | None:
        """Whether this organization or folder is above the project; None where that is not known."""
        path = self.path(project)
        if target in path:
            return True
        return False if path and path[-1].startswith("organizations/") else None
