"""Recordings: of a live project, by the operator's own reader, which writes nothing there; and one that is safe to share."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.manifests import cluster_in
from pathcheck.cli.reading import read_json
from pathcheck.core.ways.scope import scope_of
from pathcheck.model.firewall import Firewall
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.scrub import scrub

# The protocol is said in pathcheck/shell/reader.py. -P: what lies in the user's directory is no part of the program.
READER = (sys.executable, "-P", "-m", "pathcheck.shell.reader")
# A call is given up after some seconds, but a large project has hundreds of networks and regions, and of machines with secure tags.
_ANSWER_SECONDS = 900.0
# https://cloud.google.com/resource-manager/docs/creating-managing-projects: letters, digits and hyphens; old ones begin with a domain.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]*")
# Whatever order the API has them in today, it says nothing; policies' order does, and stays.
_UNORDERED = ("networks", "subnetworks", "routes", "instances", "firewalls")
_KEY_BYTES = 32

Raw = Mapping[str, Any]


class NotRead(Exception):  # noqa: N818 - it reads as what it says
    """The cloud did not tell; a sentence says why."""


def record(project: str | None, nodes: Path | None, scrubbed: bool, output: Path) -> None:
    """Writes a recording of the project, or of what matters to these nodes; on standard error, what could not be read.

    Raises BadInput, and NotRead.
    """
    request = _request(project, nodes)
    with _written_whole(output) as write:
        recording: Raw = read_live(request)
        try:
            firewall = firewall_of(recording)
        except NotARecording as error:
            raise NotRead(f"the reader's answer is no recording: {error}") from error
        for line in _missing(recording, firewall):
            typer.secho(f"pathcheck record: {line}", fg="yellow", err=True)
        recording = _in_order(recording)
        write(_text(_scrubbed(recording) if scrubbed else recording))


def share(recording: Path, output: Path) -> None:
    """Writes a scrubbed copy of the recording in this file.

    Raises BadInput.
    """
    with _written_whole(output) as write:
        try:
            write(_text(_scrubbed(read_json("--recording", recording))))
        except NotARecording as error:
            raise BadInput(f"--recording: {recording}: {error}") from error


def _scrubbed(recording: Raw) -> Raw:
    """By a key that is thrown away: nobody can ask what an address was, nor put two scrubbed recordings side by side."""
    return scrub(recording, secrets.token_bytes(_KEY_BYTES)).recording


def _request(project: str | None, nodes: Path | None) -> Raw:
    """What to ask the reader for."""
    if project is not None and not _PROJECT.fullmatch(project):
        raise BadInput(f"--project: {project!r} is no project's id")
    if nodes is None:
        if project is None:
            raise BadInput("--project: is missing; or give --nodes, whose machines tell it")
        return {"project": project}
    found = cluster_in(nodes).nodes.values()
    scope = scope_of(found, project or "")
    if scope is None:
        whose = f"of project {project}" if project else "of Compute Engine"
        raise BadInput(f"--nodes: {nodes}: no node is a machine {whose} by its spec.providerID")
    others = len(found) - len(scope.instances)
    if others:
        typer.secho(
            f"pathcheck record: {others} of {len(found)} nodes are no machines of project {scope.project}: passed over",
            fg="yellow",
            err=True,
        )
    return {"project": scope.project, "instances": [{"zone": zone, "name": name} for zone, name in scope.instances]}


def read_live(request: Raw, argv: Sequence[str] = READER) -> dict[str, Any]:
    """What a reader answers: the raw recording. It has the environment, and so its credentials or PATHCHECK_COMPUTE_ENDPOINT.

    Raises NotRead.
    """
    question = json.dumps({"read": request}) + "\n"
    try:
        done = subprocess.run(
            argv, input=question, capture_output=True, encoding="utf-8", timeout=_ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotRead(f"the reader gave no answer within {_ANSWER_SECONDS:.0f} s") from None
    except OSError as error:
        raise NotRead(f"the reader does not start: {error.strerror}") from error
    try:
        answer = json.loads(done.stdout)
        if "error" not in answer:
            return dict(answer["recording"])
        refusal = answer["error"]
        kind, why, permission = refusal["kind"], str(refusal["why"]), str(refusal.get("permission", ""))
    except (KeyError, TypeError, ValueError):
        if done.returncode == 0:
            raise NotRead("the reader's answer has neither a recording nor an error") from None
        last = done.stderr.strip().rpartition("\n")[2]
        raise NotRead(f"the reader ended with code {done.returncode}{last and ': '}{last}") from None
    if permission and permission not in why:
        why = f"{why} (missing permission {permission})"
    if kind == "rate-limited":
        why = f"{why} (the quota is one of each minute)"
    raise NotRead(f"project {request['project']}: {why}")


def _missing(recording: Raw, firewall: Firewall) -> Iterator[str]:
    """What the recording has not, or what nobody can make use of."""
    yield from map(str, firewall.problems)
    bindings = recording.get("secureTagBindings") or {}
    unknown = sum(tags is None for tags in bindings.values())
    if unknown:
        yield f"secureTagBindings: of {unknown} machines the tags were not read"


# How it is written


def _in_order(recording: Raw) -> Raw:
    """Lists by name, so that two recordings of one project differ only where the project did."""

    def place(item: Raw) -> tuple[str, ...]:
        return tuple(str(item.get(key, "")) for key in ("name", "zone", "region", "selfLink"))

    return {key: sorted(value, key=place) if key in _UNORDERED else value for key, value in recording.items()}


def _text(recording: Raw) -> str:
    """Keys by name as well; what it is comes first."""
    first = {"format": None, "project": None}
    return json.dumps(first | json.loads(json.dumps(recording, sort_keys=True)), indent=1, ensure_ascii=False) + "\n"


@contextmanager
def _written_whole(output: Path) -> Iterator[Callable[[str], object]]:
    """Where to write it at once: a file has the new whole or what it had, `-` is standard output.

    Raises BadInput, before anything is asked where that can be known.
    """
    if str(output) == "-":
        yield lambda text: typer.echo(text, nl=False)
        return
    if output.exists() and not output.is_file():
        raise BadInput(f"--output: {output}: is no file; - is standard output")
    target = output.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            yield file.write
        beside.replace(target)
    except OSError as error:
        raise BadInput(f"--output: {output}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
