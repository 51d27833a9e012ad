"""`pathcheck`: the operator and the offline answer, one program.

Everything heavy is imported in the command that needs it: an answer from a recording must not wait for Kubernetes' or Google's clients.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import pathcheck
from pathcheck.cli.fixes import Way

app = typer.Typer(
    name="pathcheck",
    help="Network-path invariants for Kubernetes: which path is blocked, by which firewall rule or by which missing one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Output(StrEnum):
    """For people or for scripts."""

    TEXT = "text"
    JSON = "json"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pathcheck {pathcheck.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Network-path invariants for Kubernetes."""


@app.command("run")
def operator() -> None:
    """Run the operator (in a cluster; settings are PATHCHECK_* variables, see docs/install.md)."""
    # By name: the shell and the command line are rooms on one floor and do not know each other.
    import importlib

    raise typer.Exit(importlib.import_module("pathcheck.shell.main").run())


@app.command(short_help="What would the firewall do with this packet, and which rule says so?")
def predict(
    recording: Annotated[Path, typer.Option(metavar="FILE", help="What the Compute API answered, as JSON.")],
    traffic: Annotated[
        str | None, typer.Argument(metavar="PROTOCOL[/PORT]", help="udp/53, tcp/443, icmp, or a number.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="IP[@INSTANCE]", help="Who sends. Without INSTANCE, the machine with that address."
        ),
    ] = None,
    destination: Annotated[str | None, typer.Option("--to", metavar="IP[@INSTANCE]", help="Who receives.")] = None,
    flows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Many flows instead: a JSON array or JSON lines, - for standard input."),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
    explain: Annotated[bool, typer.Option("--explain", help="Show every rule that was asked, in order.")] = False,
    way: Annotated[Way, typer.Option("--fix", help="How the fix is written in the text.")] = Way.GCLOUD,
) -> None:
    """Answer from a recording, offline: the prediction, the rule that decides, the rules that nearly do, and the fix.

    Exit codes: 0 permitted, 1 blocked, 2 the question cannot be read, 3 undetermined or inspected; with --flows 0 for all answers.
    """
    from pathcheck.cli.predict import tell
    from pathcheck.cli.reading import BadInput

    one = {"--from": source, "--to": destination, "PROTOCOL[/PORT]": traffic}
    given = [option for option, value in one.items() if value is not None]
    try:
        if flows is None:
            code = tell(recording, one, output is Output.JSON, explain, way)
        elif given:
            raise BadInput(f"--flows: stands in the place of {', '.join(one)}; {', '.join(given)} is given as well")
        else:
            from pathcheck.cli.flows import tell_all

            # That some of many flows are blocked is an answer, no failure; what each comes to stands on its line.
            tell_all(recording, flows, output is Output.JSON, explain)
            code = 0
    except BadInput as error:
        for line in error.args:
            typer.echo(f"pathcheck predict: {line}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


@app.command(short_help="Is all of it permitted: every address, every port?")
def prove(
    traffic: Annotated[
        list[str], typer.Argument(metavar="PROTOCOL[/PORTS]...", help="any, tcp, udp/53, tcp/1-1024, esp, or a number.")
    ],
    recording: Annotated[Path, typer.Option(metavar="FILE", help="What the Compute API answered, as JSON.")],
    source: Annotated[
        str,
        typer.Option("--from", metavar="WHAT", help="CIDR, CIDR@INSTANCE, or the pods of instance:NAME or tag:NAME."),
    ],
    destination: Annotated[str, typer.Option("--to", metavar="WHAT", help="The same.")],
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """Prove from a recording, offline, that all of this traffic is permitted, or show the ranges and ports where it is not.

    Exit codes: 0 proved, 1 a counter-example is blocked, 2 the question cannot be read, 3 some of it is undetermined or inspected.
    """
    from pathcheck.cli.prove import tell
    from pathcheck.cli.reading import BadInput

    try:
        code = tell(recording, source, destination, traffic, output is Output.JSON)
    except BadInput as error:
        for line in error.args:
            typer.echo(f"pathcheck prove: {line}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


@app.command(short_help="What would this change of the firewall do to my PathChecks?")
def plan(
    recording: Annotated[Path, typer.Option(metavar="FILE", help="What the Compute API answered, before the change.")],
    manifests: Annotated[
        list[Path], typer.Option("--filename", "-f", metavar="FILE|DIR", help="PathCheck manifests; repeat at will.")
    ],
    terraform: Annotated[Path | None, typer.Option(metavar="FILE", help="What terraform show -json prints.")] = None,
    changed: Annotated[Path | None, typer.Option(metavar="FILE", help="The recording after the change.")] = None,
    delete: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="NAME, or policy:POLICY/PRIORITY; repeat at will.")
    ] = None,
    add: Annotated[Path | None, typer.Option(metavar="FILE", help="New firewall rules as the API spells them.")] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="kubectl get nodes,services,endpointslices -A -o json; else the machines."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 where something cannot be told.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """Judge PathCheck manifests before and after a change of the firewall, offline, and say what flips and why.

    Exit codes: 0 nothing flips to violated, 1 something does, 2 something cannot be read, 3 with --strict: cannot tell.
    """
    from pathcheck.cli.reading import BadInput
    from pathcheck.cli.whatif import Asked, tell

    try:
        asked = Asked(recording, manifests, cluster, terraform, changed, delete or (), add)
        code = tell(asked, output is Output.JSON, strict)
    except BadInput as error:
        for line in error.args:
            typer.echo(f"pathcheck plan: {line}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


@app.command(short_help="What hangs on which rule?")
def impact(
    recording: Annotated[Path, typer.Option(metavar="FILE", help="What the Compute API answered, as JSON.")],
    manifests: Annotated[
        list[Path], typer.Option("--filename", "-f", metavar="FILE|DIR", help="PathCheck manifests; repeat at will.")
    ],
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="kubectl get nodes,services,endpointslices -A -o json; else the machines."),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """List the rules by the flows of PathCheck manifests that would be violated without each, and those that could go, offline.

    Exit codes: 0 answered, 2 something cannot be read.
    """
    from pathcheck.cli.impact import tell
    from pathcheck.cli.reading import BadInput

    try:
        tell(recording, manifests, cluster, output is Output.JSON)
    except BadInput as error:
        for line in error.args:
            typer.echo(f"pathcheck impact: {line}", err=True)
        raise typer.Exit(2) from None


def run() -> None:
    """The entry point."""
    sys.exit(app())
