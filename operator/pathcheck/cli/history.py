"""What became of the firewall, as the cluster keeps it: what, when, by whom, and which PathChecks it flipped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.reading import read_json
from pathcheck.core.checks.recount import lines, who
from pathcheck.model.drift import Affected, Deed, Entry, FirewallChange
from pathcheck.model.firewall import Problem
from pathcheck.wire.firewall_changes import KIND, firewall_change_of
from pathcheck.wire.schema import GROUP, VERSION

_COLOURS = {Deed.CREATED: "green", Deed.DELETED: "red", Deed.CHANGED: "yellow"}


def tell(check: str | None, file: Path | None, as_json: bool) -> None:
    """Prints the changes, the latest first; only those that flip this check, if one is named.

    Raises BadInput.
    """
    changes, problems = _read(_from_file(file) if file is not None else _from_cluster())
    if check is not None:
        changes = [change for change in changes if change.flips(check) is not None]
    if as_json:
        said = [_as_object(change) for change in changes]
        typer.echo(json.dumps({"changes": said, "problems": problems}, indent=2, ensure_ascii=False))
        return
    for change in changes:
        _print(change)
    if not changes:
        typer.echo(f"no change of the firewall is known{f' that flips {check}' if check is not None else ''}")
    for problem in problems:
        typer.secho(f"could not be read: {problem}", fg="yellow")


def _read(bodies: Sequence[object]) -> tuple[list[FirewallChange], list[str]]:
    """The latest first."""
    changes: list[FirewallChange] = []
    problems: list[str] = []
    for body in bodies:
        if not isinstance(body, Mapping) or body.get("kind", KIND) != KIND:
            continue
        found = firewall_change_of({"kind": KIND, **body})
        if isinstance(found, Problem):
            problems.append(str(found))
        else:
            changes.append(found)
    return sorted(changes, key=lambda change: (change.noticed, change.number), reverse=True), problems


def _from_file(path: Path) -> Sequence[object]:
    """What `kubectl get firewallchanges -A -o json` printed."""
    found = read_json("--filename", path)
    listed = found.get("items", [found])
    if not isinstance(listed, list):
        raise BadInput(f"--filename: {path}: items: must be a list")
    return listed


def _from_cluster() -> Sequence[object]:
    """By the kubeconfig that kubectl would take, or the service account of the pod that this runs in."""
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            config.load_incluster_config()  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config()  # type: ignore[no-untyped-call]
    except Exception as error:
        # The loader takes the file for what it should be: whatever it is not comes out as any error at all.
        raise BadInput(f"no usable kubeconfig: {' '.join(str(error).split())}; or say --filename FILE") from error
    try:
        api = client.CustomObjectsApi()
        listed: Any = api.list_cluster_custom_object(GROUP, VERSION, "firewallchanges", _request_timeout=(5, 30))
    except ApiException as error:
        raise BadInput(f"the cluster does not list firewallchanges.{GROUP}: {error.status} {error.reason}") from error
    except HTTPError as error:
        # The last try's own words; before them stands how often it was tried.
        why = getattr(error, "reason", None) or error
        raise BadInput(f"the cluster does not answer: {' '.join(str(why).split())}") from error
    items = listed.get("items") if isinstance(listed, Mapping) else None
    return items if isinstance(items, list) else []


def _print(change: FirewallChange) -> None:
    typer.secho(
        f"{change.number}  {change.noticed:%Y-%m-%d %H:%M:%S} UTC  {who(change) or 'by whom is not known'}", bold=True
    )
    for edit in change.difference.edits:
        typer.secho(f"  {edit.sentence}", fg=_COLOURS[edit.deed])
        for call in reversed(edit.by):
            typer.echo(f"    {_called(call)}")
    if change.difference.edits_beyond:
        typer.echo(f"  and {change.difference.edits_beyond} more edits")
    for line in lines(change.difference):
        typer.echo(f"  {line}")
    if change.affected:
        typer.echo(f"  flips flows of {', '.join(map(_flipped, change.affected))}, by the rules")
    if change.why:
        typer.secho(f"  {change.why}", fg="yellow")


def _called(call: Entry) -> str:
    return f"by {call.principal} at {call.time:%Y-%m-%d %H:%M:%S} UTC with {call.tool or 'an unnamed program'} ({call.method})"


def _flipped(affected: Affected) -> str:
    worse = [f"{affected.worse} as expected no longer"] if affected.worse else []
    better = [f"{affected.better} as expected again"] if affected.better else []
    return f"{affected.check} ({', '.join([*worse, *better])})"


def _as_object(change: FirewallChange) -> dict[str, object]:
    """Names and values for scripts; docs/history.md promises them."""
    difference = change.difference
    return {
        "number": change.number,
        "noticed": change.noticed.isoformat(),
        "notBefore": change.not_before.isoformat(),
        "revision": {"before": change.before, "after": change.after},
        "who": who(change),
        "attribution": change.attribution,
        "why": change.why,
        "edits": [
            {
                "id": edit.id,
                "deed": edit.deed,
                "sentence": edit.sentence,
                "by": [
                    {
                        "principal": call.principal,
                        "time": call.time.isoformat(),
                        "method": call.method,
                        "tool": call.tool,
                        "agent": call.agent,
                    }
                    for call in edit.by
                ],
            }
            for edit in difference.edits
        ],
        "editsBeyond": difference.edits_beyond,
        "closes": [*difference.closes],
        "opens": [*difference.opens],
        "linesBeyond": difference.beyond,
        "untold": difference.untold,
        "checks": [{"name": a.check, "worse": a.worse, "better": a.better} for a in change.affected],
    }
