"""Changing the emulator's rules as a user would: by gcloud where it is installed, else by google-cloud-compute.

Both are clients that nobody here wrote, and both take the command as it is printed: without gcloud, its words are translated.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from e2e.lab.topology import LOCAL_COMPUTE_PORT, PROJECT

DELETED_RULE = "gke-august-period-234610-all"


def client_name() -> str:
    """Which of the two `run` will use."""
    return "gcloud" if shutil.which("gcloud") else "google-cloud-compute"


def run(command: str, environment: Mapping[str, str]) -> None:
    """A line of `gcloud compute firewall-rules` or `network-firewall-policies rules` as printed.

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
    requests = _side_door("GET", "requests")["requests"]
    last = next(r for r in reversed(requests) if r["method"] != "GET" and "/global/firewalls" in r["path"])
    return datetime.fromisoformat(last["time"]).timestamp() + float(last["seconds"])


def audit(**settings: Any) -> dict[str, Any]:
    """Has the emulator's audit log behave so, in the side door's own spelling (docs/emulator.md); returns all its settings.

    `audit(principal="dana@example.com", delaySeconds=20)`. Raises urllib.error.HTTPError for a setting that makes no sense.
    """
    return _side_door("POST", "audit", settings)


def reset_audit(*, forget: bool = False) -> None:
    """The audit log behaves as ever; what was written in it stays, unless it is to be forgotten."""
    _side_door("DELETE", "audit", {"entries": forget})


def _side_door(method: str, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}/lab/{name}", data, method=method)
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


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


def _run_by_client(line: str) -> None:
    for command in line.split(" && "):
        words = shlex.split(command)
        flags = _flags(words)
        if words[2:5] == ["network-firewall-policies", "rules", "create"]:
            _create_policy_rule(int(words[5]), flags)
            continue
        assert words[2] == "firewall-rules", f"not a command that is printed: {command}"
        verb, name, project = words[3], words[4], flags.get("project", PROJECT)
        if verb == "create":
            _create_rule(name, project, flags)
        elif verb == "update":
            from google.cloud import compute_v1

            resource = compute_v1.Firewall(disabled="disabled" in flags)
            _client().patch_unary(project=project, firewall=name, firewall_resource=resource)
        else:
            _client().delete_unary(project=project, firewall=name)


def _flags(words: Sequence[str]) -> dict[str, str]:
    pairs = (word.removeprefix("--").partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in pairs}


def _listed(flags: Mapping[str, str], name: str) -> list[str]:
    return [text for text in flags.get(name, "").split(",") if text]


def _create_rule(name: str, project: str, flags: Mapping[str, str]) -> None:
    from google.cloud import compute_v1

    allowed = [
        compute_v1.Allowed(I_p_protocol=protocol, ports=[port] if port else [])
        for protocol, _, port in (entry.partition(":") for entry in _listed(flags, "allow"))
    ]
    rule = compute_v1.Firewall(
        name=name,
        network=f"projects/{project}/global/networks/{flags['network']}",
        direction=flags.get("direction", "INGRESS"),
        priority=int(flags.get("priority", "1000")),
        allowed=allowed,
        source_ranges=_listed(flags, "source-ranges"),
        destination_ranges=_listed(flags, "destination-ranges"),
        target_tags=_listed(flags, "target-tags"),
        target_service_accounts=_listed(flags, "target-service-accounts"),
    )
    _client().insert_unary(project=project, firewall_resource=rule)


def _create_policy_rule(priority: int, flags: Mapping[str, str]) -> None:
    from google.cloud import compute_v1

    l4 = [
        compute_v1.FirewallPolicyRuleMatcherLayer4Config(ip_protocol=protocol, ports=[port] if port else [])
        for protocol, _, port in (entry.partition(":") for entry in _listed(flags, "layer4-configs"))
    ]
    match = compute_v1.FirewallPolicyRuleMatcher(
        src_ip_ranges=_listed(flags, "src-ip-ranges"),
        dest_ip_ranges=_listed(flags, "dest-ip-ranges"),
        layer4_configs=l4,
    )
    rule = compute_v1.FirewallPolicyRule(
        priority=priority,
        action=flags["action"],
        direction=flags["direction"],
        match=match,
        target_service_accounts=_listed(flags, "target-service-accounts"),
    )
    client(compute_v1.NetworkFirewallPoliciesClient).add_rule_unary(
        project=flags["project"], firewall_policy=flags["firewall-policy"], firewall_policy_rule_resource=rule
    )
