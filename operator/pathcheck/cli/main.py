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
from pathcheck.cli.bad_input import BadInput, told
from pathcheck.cli.fixes import Way

app = typer.Typer(
    name="pathcheck",
    help="Network-path invariants for Kubernetes: which path is blocked, by which firewall rule or by which missing one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_NODES = "kubectl get nodes -o json, or nodes,services,endpointslices -A; else the machines are the nodes."


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

    one = {"--from": source, "--to": destination, "PROTOCOL[/PORT]": traffic}
    given = [option for option, value in one.items() if value is not None]
    with told("predict"):
        if flows is None:
            code = tell(recording, one, output is Output.JSON, explain, way)
        elif given:
            raise BadInput(f"--flows: stands in the place of {', '.join(one)}; {', '.join(given)} is given as well")
        else:
            from pathcheck.cli.flows import tell_all

            # That some of many flows are blocked is an answer, no failure; what each comes to stands on its line.
            tell_all(recording, flows, output is Output.JSON, explain)
            code = 0
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

    with told("prove"):
        code = tell(recording, source, destination, traffic, output is Output.JSON)
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
    add: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New firewall rules, one or a list, as the API spells them.")
    ] = None,
    nodes: Annotated[Path | None, typer.Option("--nodes", "--cluster", metavar="FILE", help=_NODES)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 where something cannot be told.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """Judge PathCheck manifests before and after a change of the firewall, offline, and say what flips and why.

    Exit codes: 0 nothing flips to violated, 1 something does, 2 something cannot be read, 3 with --strict: cannot tell.
    """
    from pathcheck.cli.whatif import Asked, tell

    with told("plan"):
        asked = Asked(recording, manifests, nodes, terraform, changed, delete or (), add)
        code = tell(asked, output is Output.JSON, strict)
    raise typer.Exit(code)


@app.command(short_help="What hangs on which rule?")
def impact(
    recording: Annotated[Path, typer.Option(metavar="FILE", help="What the Compute API answered, as JSON.")],
    manifests: Annotated[
        list[Path], typer.Option("--filename", "-f", metavar="FILE|DIR", help="PathCheck manifests; repeat at will.")
    ],
    nodes: Annotated[Path | None, typer.Option("--nodes", "--cluster", metavar="FILE", help=_NODES)] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """List the rules by the flows of PathCheck manifests that would be violated without each, and those that could go, offline.

    Exit codes: 0 answered, 2 something cannot be read.
    """
    from pathcheck.cli.impact import tell

    with told("impact"):
        tell(recording, manifests, nodes, output is Output.JSON)


@app.command(short_help="What differs between two recordings?")
def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="What the Compute API answered, as JSON.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The same, later.")],
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """Compare two recordings by what they mean, offline: the edits, and which packets are permitted no longer, or now.

    Exit codes: 0 no packet can meet anything else, 1 one can, 2 something cannot be read.
    """
    from pathcheck.cli.diff import tell

    with told("diff"):
        code = tell(before, after, output is Output.JSON)
    raise typer.Exit(code)


@app.command(short_help="Which rules explain what crosses and what does not?")
def signature(
    reached: Annotated[
        list[str] | None,
        typer.Option(metavar="PROTOCOL[/PORT],...", help="What was answered, or refused; repeat at will."),
    ] = None,
    silent: Annotated[
        list[str] | None,
        typer.Option(metavar="PROTOCOL[/PORT],...", help="What was not, although the target is up; repeat at will."),
    ] = None,
    source: Annotated[str | None, typer.Option("--from", metavar="IP[@INSTANCE]", help="Who sent.")] = None,
    destination: Annotated[
        str | None, typer.Option("--to", metavar="IP[@INSTANCE]", help="Who was to receive.")
    ] = None,
    probes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead, what kubectl get pathprobes -n pathcheck-system -o json prints."),
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The last known rules; else those that everybody has.")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """Say from reached and silent ports alone which firewall rules are in force, and which one is not.

    Exit codes: 0 explained, or nothing to explain; 1 not explained, or nothing crosses; 2 something cannot be read.
    """
    from pathcheck.cli.signature import Asked, tell

    with told("signature"):
        asked = Asked(reached or (), silent or (), source, destination, probes, recording)
        code = tell(asked, output is Output.JSON)
    raise typer.Exit(code)


@app.command(short_help="Who changed the firewall, when, and what broke?")
def history(
    check: Annotated[str | None, typer.Argument(metavar="[PATHCHECK]", help="Only what flips this one.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--filename", "-f", metavar="FILE", help="kubectl get firewallchanges -A -o json; else the cluster."
        ),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for scripts.")] = Output.TEXT,
) -> None:
    """List what became of the firewall since the operator watches it, as the cluster keeps it, the latest first.

    Exit codes: 0 answered, 2 neither file nor cluster can be read.
    """
    from pathcheck.cli.history import tell

    with told("history"):
        tell(check, file, output is Output.JSON)


@app.command(short_help="Save what the Compute API answers about a project.")
def record(
    project: Annotated[
        str | None, typer.Option(metavar="PROJECT", help="The project's id; left out, that of the nodes' machines.")
    ] = None,
    nodes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="kubectl get nodes -o json: only what matters to these; - for standard input."
        ),
    ] = None,
    scrubbed: Annotated[bool, typer.Option("--scrub", help="Safe to share, as by pathcheck scrub.")] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - for standard output.")
    ] = Path("-"),
) -> None:
    """Save what the Compute API answers about a project as a recording, for the commands that need one; nothing is changed there.

    Exit codes: 0 recorded, 1 the project cannot be read, 2 something that was typed cannot.
    """
    from pathcheck.cli.record import NotRead
    from pathcheck.cli.record import record as write

    try:
        with told("record"):
            write(project, nodes, scrubbed, output)
    except NotRead as error:
        typer.echo(f"pathcheck record: {error}", err=True)
        raise typer.Exit(1) from None


@app.command(short_help="Make a recording safe to share.")
def scrub(
    recording: Annotated[Path, typer.Option(metavar="FILE", help="The recording; - for standard input.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - for standard output.")
    ] = Path("-"),
) -> None:
    """Copy a recording without what tells whose it is. All answers stay the same.

    Names become numbered words, public addresses others, by a key that is new each time and kept nowhere.

    Exit codes: 0 written, 2 something cannot be read or written.
    """
    from pathcheck.cli.record import share

    with told("scrub"):
        share(recording, output)


def run() -> None:
    """The entry point."""
    sys.exit(app())
