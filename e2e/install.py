"""Installing PathCheck into the lab (or kind), and the three PathChecks of the story, as the README tells a user to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from e2e import place

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = (ROOT / "docs" / "examples" / "kube-dns.yaml", ROOT / "docs" / "examples" / "nodes.yaml")
NAMESPACE = "pathcheck-system"


def environment() -> dict[str, str]:
    """What `make lab-shell` sets."""
    return place.asked().environment()


def kubectl(*arguments: str, environment: Mapping[str, str] | None = None, given: str | None = None) -> str:
    """kubectl's output, with `given` as its input; raises subprocess.CalledProcessError with its words in stderr."""
    env = {**os.environ, **(environment or place.asked().environment())}
    done = subprocess.run(["kubectl", *arguments], env=env, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, f"kubectl {' '.join(arguments)}", done.stdout, done.stderr)
    return done.stdout


def install() -> None:
    """The manifests with the place's overlay, until the operator is ready."""
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(place.asked().overlay))
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/pathcheck-operator", "--timeout=120s")


def apply_examples() -> None:
    """The story's three PathChecks."""
    kubectl("apply", *(word for path in EXAMPLES for word in ("-f", str(path))))
