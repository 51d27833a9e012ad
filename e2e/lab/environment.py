"""The variables by which kubectl, gcloud and our own programs find the lab."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from e2e.lab.places import State
from e2e.lab.topology import LOCAL_COMPUTE_PORT, PROJECT


def variables(state: State) -> dict[str, str]:
    """What to add to the environment.

    gcloud's own are documented at https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables
    """
    path = [str(state.binaries), str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "/usr/bin:/bin")]
    return {
        "KUBECONFIG": str(state.user_kubeconfig),
        # kubectl's memory of what this API server serves goes with the lab.
        "KUBECACHEDIR": str(state.root / "kubectl-cache"),
        "PATH": ":".join(path),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        # Not the user's own configuration: nothing typed in the lab may reach a real project, or change it.
        "CLOUDSDK_CONFIG": str(state.root / "gcloud"),
        # A proxy of the machine's cannot reach its loopback.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
    }


def export_lines(state: State) -> str:
    """The same as lines for a shell to evaluate."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables(state).items())
