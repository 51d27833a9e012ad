"""The operator's and the probe's images, with the content of the Dockerfile's two targets.

Three layers, by how often they change: Debian's Python (shared by both), the locked dependencies, the code. All byte
code is compiled here and unchecked: an image's files have no times, so that Python would hold time-stamped byte code for
stale, and on a read-only root would compile everything again at every start.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from e2e.lab import layers
from e2e.lab.errors import LabError, run
from e2e.lab.oci import Image, Layer
from e2e.lab.places import REPOSITORY, cached, content_key, tree_parts
from e2e.lab.progress import Progress

PROBE_IMAGE = "pathcheck-probe:dev"
OPERATOR_IMAGE = "pathcheck-operator:dev"
PACKAGE = REPOSITORY / "operator" / "pathcheck"
LOCK = REPOSITORY / "requirements.lock"

# What the interpreter, its ssl, ctypes and compression modules and the compiled dependencies (C++ in grpc) link to. Prefixes,
# because Debian renames libraries (libssl3, libssl3t64). The rest of the packages' dependencies (readline, perl) stays out.
DEBIAN_PACKAGES = (
    *("python3", "libpython3", "media-types", "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1"),
    *("libssl3", "libbz2-1.0", "liblzma5", "libffi8", "libuuid1", "libzstd1"),
)
# In this directory Debian's Python looks for packages without being told.
DEPENDENCIES = "usr/lib/python3/dist-packages"
# The C library of Debian 12 is 2.36; wheels for older ones run on it.
WHEEL_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
# Raised when a recipe below changes: the keys hold what goes in, not how.
RECIPE = "3"

Known = TypeVar("Known")


def probe(architecture: str, python: Path) -> Image:
    """The probe: Debian's Python and `pathcheck.probe`, nothing else."""
    return Image(
        PROBE_IMAGE,
        (_python_layer(python), _code_layer("probe", python, _sources(PACKAGE / "probe"))),
        architecture,
        entrypoint=("python3", "-m", "pathcheck.probe"),
        environment=_ENVIRONMENT,
        user="65532:65532",
    )


def operator(architecture: str, python: Path, progress: Progress) -> Image:
    """The operator: Debian's Python, the locked dependencies, and the whole package."""
    return Image(
        OPERATOR_IMAGE,
        (
            _python_layer(python),
            _dependencies_layer(python, progress),
            _code_layer("operator", python, _sources(PACKAGE)),
        ),
        architecture,
        entrypoint=("python3", "-m", "pathcheck"),
        command=("run",),
        environment=_ENVIRONMENT,
        user="65532:65532",
    )


_ENVIRONMENT = ("PYTHONPATH=/app", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")


def python_version() -> str:
    """The minor version of Debian's Python, such as `3.11`.

    Raises:
        LabError: apt does not know it.
    """
    for line in run(["apt-cache", "depends", "python3"]).splitlines():
        kind, _, package = line.strip().partition(": ")
        if kind == "Depends" and package.startswith("python3."):
            return package.removeprefix("python")
    raise LabError("apt does not know on which python3.N the package python3 depends; try: apt-get update")


def python_root(progress: Progress) -> Path:
    """A root file system with Debian's Python, compiled, unpacked from packages that are downloaded once.

    Raises:
        LabError: the packages cannot be had.
    """
    version = _with_package_lists(python_version, progress)

    def make(place: Path) -> None:
        progress.say(f"making the images' Python {version} from Debian's packages (once)")
        root = place / "root"
        layers.make_frame(root)
        # Debian's merged /usr: the packages still carry both.
        for directory in ("bin", "lib", "lib64"):
            (root / "usr" / directory).mkdir(parents=True)
            (root / directory).symlink_to(f"usr/{directory}")
        with tempfile.TemporaryDirectory() as downloads:
            # apt's own unprivileged user must be able to write there.
            Path(downloads).chmod(0o755)
            names = _with_package_lists(lambda: _packages(version), progress)
            ended = subprocess.run(
                ["apt-get", "download", "-q", *names], cwd=downloads, capture_output=True, text=True, check=False
            )
            if ended.returncode:
                raise LabError(f"apt-get download: {ended.stderr.strip()}")
            for package in sorted(Path(downloads).glob("*.deb")):
                _unpack(package, root)
        (root / "usr" / "bin" / "python3").symlink_to(f"python{version}")
        compile_bytecode(root, root / "usr" / "lib" / f"python{version}", root)

    return cached("python", content_key([RECIPE, version, platform.machine(), *DEBIAN_PACKAGES]), make) / "root"


def compile_bytecode(python: Path, directory: Path, root: Path) -> None:
    """Compiles everything below `directory`, which lies in the future root file system `root`, by the Python in `python`.

    By its own dynamic linker and libraries: the version must be the image's, whatever this machine has.
    """
    linker = next(iter(sorted(python.glob("usr/lib*/ld-linux*"))))
    libraries = ":".join(str(path) for path in python.glob("usr/lib/*-linux-gnu*"))
    interpreter = [str(linker), "--library-path", libraries, str(python / "usr" / "bin" / "python3")]
    compileall = ["-I", "-m", "compileall", "-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    run(
        [*interpreter, *compileall, "-s", str(root), "-p", "/", str(directory)],
        environment={"PYTHONHOME": str(python / "usr"), "PATH": os.environ["PATH"]},
    )


def _with_package_lists(ask: Callable[[], Known], progress: Progress) -> Known:
    """Asks apt, and once more with fresh lists if it does not know."""
    try:
        return ask()
    except LabError:
        if os.geteuid() != 0:
            raise
        progress.say("fetching apt's package lists")
        run(["apt-get", "update", "-qq"])
        return ask()


def _packages(version: str) -> list[str]:
    only_hard = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    wanted = [f"python{version}-minimal", f"libpython{version}-stdlib", "libstdc++6"]
    listed = run(["apt-cache", "depends", "--recurse", *only_hard, *wanted])
    return sorted({line for line in listed.splitlines() if line.startswith(DEBIAN_PACKAGES)})


def _unpack(package: Path, root: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as contents:
        unpacked = subprocess.run(
            ["tar", "-C", str(root), "-x", "--no-same-owner", "--keep-directory-symlink", "--exclude=./usr/share/*"],
            stdin=contents.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if contents.returncode or unpacked.returncode:
        raise LabError(f"{package.name} cannot be unpacked: {unpacked.stderr.strip()}")


def _python_layer(python: Path) -> Layer:
    def fill(root: Path) -> None:
        shutil.copytree(python, root, symlinks=True, dirs_exist_ok=True)

    # The directory above is named by its content key.
    return layers.layer("python", content_key([RECIPE, python.parent.name]), fill)


def _dependencies_layer(python: Path, progress: Progress) -> Layer:
    def fill(root: Path) -> None:
        progress.say("installing the operator's locked dependencies for its image (once)")
        target = root / DEPENDENCIES
        platforms = [f"--platform={name}_{platform.machine()}" for name in WHEEL_PLATFORMS]
        run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
                *("--require-hashes", "--only-binary=:all:", "--implementation=cp", *platforms),
                *(f"--python-version={python_version()}", f"--target={target}", f"--requirement={LOCK}"),
            ]
        )
        compile_bytecode(python, target, root)

    key = content_key([RECIPE, python.parent.name, platform.machine(), *WHEEL_PLATFORMS, LOCK.read_bytes()])
    return layers.layer("dependencies", key, fill)


def _sources(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _code_layer(kind: str, python: Path, files: list[Path]) -> Layer:
    def fill(root: Path) -> None:
        package = root / "app" / "pathcheck"
        for file in files:
            target = package / file.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        # The probe alone brings no `pathcheck/__init__.py`.
        (package / "__init__.py").touch()
        compile_bytecode(python, package, root)

    return layers.layer(kind, content_key([RECIPE, python.parent.name, *tree_parts(PACKAGE, files)]), fill)
