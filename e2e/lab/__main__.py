"""`python -m e2e.lab`: a real Kubernetes cluster in network namespaces of this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from e2e.lab import environment, images, lifecycle, machines, packages, store, toolchain
from e2e.lab.errors import LabError
from e2e.lab.places import state
from e2e.lab.progress import Progress

app = typer.Typer(
    help="A real Kubernetes cluster in network namespaces of this machine. LAB_NODES (default 3) says how many nodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)
# Everything after the names belongs to the program that is run.
THE_REST = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
Rest = Annotated[list[str] | None, typer.Argument(help="the program's own arguments")]
Name = Annotated[str, typer.Argument(help="cp or node-N")]


@app.command()
def up() -> None:
    """Bring the cluster up, or repair it; a quick no-op if it is usable."""
    lifecycle.up(Progress(console))
    console.print("`make lab-shell` opens a shell with kubectl and gcloud set for it", highlight=False)


@app.command()
def down() -> None:
    """Remove everything, in whatever state it is."""
    lifecycle.down(Progress(console))


@app.command()
def status() -> None:
    """Say how the lab stands; ends with 1 unless it is usable."""
    lab = lifecycle.completed()
    table = Table("machine", "address", "pods", "zone", "power")
    for machine in lab.booted:
        power = "[green]on[/]" if machines.is_on(machine) else "[red]off[/]"
        table.add_row(
            machine.name, str(machine.address), str(getattr(machine, "pods", "")), getattr(machine, "zone", ""), power
        )
    Console().print(table)
    problems = lifecycle.problems()
    for problem in problems:
        console.print(f"[red]✕[/] {escape(problem)}", highlight=False)
    if problems:
        raise SystemExit(1)
    console.print("[green]●[/] usable", highlight=False)


@app.command()
def env() -> None:
    """Print the shell's settings as export lines."""
    lifecycle.completed()
    print(environment.export_lines(state()), end="")


@app.command()
def shell() -> None:
    """Open a shell with kubectl, gcloud and pathcheck set for the lab."""
    lifecycle.completed()
    program = os.environ.get("SHELL") or "/bin/sh"
    os.execve(program, [program], os.environ | environment.variables(state()))


@app.command(context_settings=THE_REST)
def kubectl(arguments: Rest = None) -> None:
    """Run kubectl as the cluster's administrator."""
    lifecycle.completed()
    program = str(state().binaries / "kubectl")
    os.execve(program, ["kubectl", *(arguments or [])], os.environ | environment.variables(state()))


@app.command("exec", context_settings=THE_REST)
def execute(machine: Name, command: Rest = None) -> None:
    """Run a command inside a machine (default: a shell); kubectl and ctr are there."""
    inside = lifecycle.completed().booted_machine(machine)
    line, variables = machines.command_in(state(), inside, command or ["/bin/sh"])
    os.execvpe(line[0], line, variables)


@app.command()
def kill(machine: Name) -> None:
    """Put a machine off as a power cut does."""
    machines.power_off(lifecycle.completed().booted_machine(machine))


@app.command()
def boot(machine: Name) -> None:
    """Put a machine on again."""
    lifecycle.boot(machine)


@app.command("images")
def renew_images() -> None:
    """Rebuild the probe's and the operator's images and import them into the running nodes."""
    lifecycle.renew_images(Progress(console))


@app.command()
def build() -> None:
    """Build what `up` needs: the Go programs, the images and, as root, the nodes' image store."""
    progress = Progress(console)
    with progress.moving():
        packages.ensure(progress)
        toolchain.build(toolchain.KUBE, progress)
        built = images.build(progress)
        if os.geteuid() == 0:
            store.filled(built, progress)
    progress.say("everything is built")


def main() -> NoReturn:
    """The entry point: errors of the lab as sentences, Ctrl-C as 130."""
    try:
        app(standalone_mode=True)
    except (LabError, ValueError) as error:
        for note in getattr(error, "__notes__", []):
            console.print(escape(note), style="dim", highlight=False, soft_wrap=True)
        console.print(f"[red]✕[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
