"""Changing the emulator's rules as a user would: by gcloud where it is installed, else by google-cloud-compute.

Both are clients that nobody here wrote, and both take the command as it is printed: without gcloud, its words are translated.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from e2e.lab.topology import LOCAL_COMPUTE_PORT, PROJECT

DELETED_RULE = "gke-august-period-234610-all"


def client_name() -> str:
    """Which of the two `run` will use."""
    return "gcloud" if shutil.which("gcloud") else "google-cloud-compute"


def run(command: str, environment: Mapping[str, str]) -> None:
    """A `gcloud compute firewall-rules create` or `delete` line as typed.

    Raises subprocess.CalledProcessError with gcloud's own words in stderr, or google.api_core's exceptions.
    """
    if shutil.which("gcloud"):
        subprocess.run(
            ["sh", "-c", command], env={**os.environ, **environment}, check=True, capture_output=True, text=True
        )
    else:
        _run_by_client(command)


def rules() -> dict[str, dict[str, Any]]:
    """All firewall rules by name, in the API's own spelling."""
    from google.cloud import compute_v1

    client = _client()
    answer = client.list(project=PROJECT)
    return {rule.name: compute_v1.Firewall.to_dict(rule) for rule in answer}


def restore_story() -> None:
    """The story's rules and no others: what an earlier run left behind goes, what it deleted comes back."""
    existing = rules()
    for name in existing:
        if name.startswith("pathcheck-"):
            _client().delete_unary(project=PROJECT, firewall=name)
    if DELETED_RULE not in existing:
        protocols = "udp,icmp,esp,ah,sctp,tcp"
        _run_by_client(
            f"gcloud compute firewall-rules create {DELETED_RULE} --network=default --source-ranges=10.24.0.0/14 --allow={protocols}"
        )


def delete(name: str) -> str:
    """The command that deletes a rule, as the story's author typed it."""
    return f"gcloud compute firewall-rules delete {name} --quiet"


def changed_at() -> float:
    """When the emulator answered the last change of a rule, in seconds since the epoch: from then on packets obey it.

    A client's own start-up (gcloud needs a second) is no part of how long anything took to be noticed.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}/lab/requests") as answer:
        requests = json.load(answer)["requests"]
    last = next(r for r in reversed(requests) if r["method"] != "GET" and "/global/firewalls" in r["path"])
    return datetime.fromisoformat(last["time"]).timestamp() + float(last["seconds"])


def client(kind: Callable[..., Any]) -> Any:
    """One of google-cloud-compute's clients, of the emulator."""
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials

    # The *_unary methods only: the others poll through a client that ignores this endpoint (google-cloud-compute 1.57).
    options = ClientOptions(api_endpoint=f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}")
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return kind(credentials=credentials, client_options=options)


def _client() -> Any:
    from google.cloud import compute_v1

    return client(compute_v1.FirewallsClient)


def _run_by_client(command: str) -> None:
    from google.cloud import compute_v1

    words = argparse.ArgumentParser(exit_on_error=False)
    words.add_argument("verb", choices=["create", "delete"])
    words.add_argument("name")
    for flag, default in (("project", PROJECT), ("network", "default"), ("direction", "INGRESS"), ("priority", "1000")):
        words.add_argument(f"--{flag}", default=default)
    for flag in (
        "source-ranges",
        "destination-ranges",
        "allow",
        "target-tags",
        "target-service-accounts",
        "description",
    ):
        words.add_argument(f"--{flag}", default="")
    words.add_argument("--quiet", action="store_true")
    line = words.parse_args(shlex.split(command)[3:])
    if line.verb == "delete":
        _client().delete_unary(project=line.project, firewall=line.name)
        return
    allowed = []
    for entry in line.allow.split(","):
        protocol, _, ports = entry.partition(":")
        allowed.append(compute_v1.Allowed(I_p_protocol=protocol, ports=[ports] if ports else []))
    rule = compute_v1.Firewall(
        name=line.name,
        network=f"projects/{line.project}/global/networks/{line.network}",
        direction=line.direction,
        priority=int(line.priority),
        allowed=allowed,
        source_ranges=[r for r in line.source_ranges.split(",") if r],
        destination_ranges=[r for r in line.destination_ranges.split(",") if r],
        target_tags=[t for t in line.target_tags.split(",") if t],
        target_service_accounts=[a for a in line.target_service_accounts.split(",") if a],
    )
    _client().insert_unary(project=line.project, firewall_resource=rule)
