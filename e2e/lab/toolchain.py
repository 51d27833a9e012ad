"""Builds the lab's Go programs from ordinary module dependencies, once per content.

Kubernetes and CoreDNS come through the Go module proxy as `go.mod` and `go.sum` pin them; nothing is vendored. A cold
build of Kubernetes takes about 7 minutes and 4 GiB of memory on two cores; Go's own caches then hold 3 to 4 GB more,
which `go clean -cache -modcache` gives back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.errors import CommandError, LabError
from e2e.lab.places import cached, content_key, tree_parts
from e2e.lab.progress import Progress

HERE = Path(__file__).resolve().parent

HOW_TO_GET_GO = (
    "Get Go 1.26 or newer from https://go.dev/dl/ (or a Go from 1.21 on with GOTOOLCHAIN=auto, which then fetches it), "
    "put its bin directory into PATH and try again."
)


@dataclass(frozen=True, slots=True)
class Program:
    """A Go main package in a module of its own below this directory."""

    name: str
    # The program calls itself by the version of this module; the linker is told so through its variables.
    version_of: str
    variables: Callable[[str], dict[str, str]]
    # About how many packages are compiled; for the progress line only.
    packages: int

    @property
    def module(self) -> Path:
        return HERE / self.name


def _kube_variables(version: str) -> dict[str, str]:
    major, minor = version.removeprefix("v").split(".")[:2]
    base = "k8s.io/component-base/version"
    return {
        f"{base}.gitVersion": version,
        f"{base}.gitMajor": major,
        f"{base}.gitMinor": minor,
        f"{base}.gitTreeState": "clean",
        f"{base}.buildDate": "2026-01-01T00:00:00Z",
        "k8s.io/client-go/pkg/version.gitVersion": version,
    }


def _coredns_variables(version: str) -> dict[str, str]:
    return {"github.com/coredns/coredns/coremain.GitCommit": version}


KUBE = Program("kube", "k8s.io/kubernetes", _kube_variables, 2900)
COREDNS = Program("coredns", "github.com/coredns/coredns", _coredns_variables, 1100)

KUBE_NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)


def required_version(go_mod: str, module: str) -> str:
    """The version at which a go.mod requires a module.

    Raises:
        LabError: it does not require it.
    """
    found = re.search(rf"^(?:require|\t) ?{re.escape(module)} (v\S+)$", go_mod, re.MULTILINE)
    if not found:
        raise LabError(f"go.mod does not require {module}")
    return found[1]


def build_command(program: Program, output: Path) -> list[str]:
    """The `go build` that makes the program. Static, without paths of this machine, without symbols (a third less)."""
    version = required_version((program.module / "go.mod").read_text(), program.version_of)
    linker = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in program.variables(version).items())])
    return ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", linker, "-o", str(output), "."]


def build(program: Program, progress: Progress) -> Path:
    """The program's binary, from the cache or built now.

    Raises:
        LabError: Go is missing or too old, or the build failed.
    """
    module = program.module
    version = _go_version(module)
    sources = [module / "go.mod", module / "go.sum", *module.glob("*.go")]
    key = content_key([version, *build_command(program, Path("-")), *tree_parts(module, sources)])

    def make(place: Path) -> None:
        _compile(program, place / program.name, progress)

    return cached(program.name, key, make) / program.name


def _go_version(module: Path) -> str:
    if shutil.which("go") is None:
        raise LabError(f"`go` is not in PATH; the lab builds Kubernetes with it. {HOW_TO_GET_GO}")
    # Asked inside the module, so that a go that can fetch the toolchain named in go.mod says the one it will use.
    asked = subprocess.run(["go", "env", "GOVERSION"], cwd=module, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise LabError(f"the `go` in PATH cannot build {module.name}: {asked.stderr.strip()} {HOW_TO_GET_GO}")
    return asked.stdout.strip()


def _compile(program: Program, output: Path, progress: Progress) -> None:
    command = build_command(program, output)
    progress.say(f"building {program.name} with go (once; minutes on a cold cache)")
    last_lines: deque[str] = deque(maxlen=30)
    compiled = 0
    with subprocess.Popen(
        command,
        cwd=program.module,
        env=os.environ | {"CGO_ENABLED": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            last_lines.append(line)
            if line.startswith("go: downloading"):
                progress.now(f"{program.name}: {line.removeprefix('go: ').strip()}")
            else:
                compiled += 1
                progress.now(f"{program.name}: package {compiled} of at most {program.packages}: {line.strip()}")
    if process.returncode:
        raise CommandError(command[:2], process.returncode, "".join(last_lines))
