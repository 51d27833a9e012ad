"""A proposal for people and for scripts, in the ways in which rules are kept: commands, Terraform, Config Connector."""

from __future__ import annotations

from enum import StrEnum

import typer

from pathcheck.model.fixes import Fix, Proposal
from pathcheck.wire.gcloud import command, lines


class Way(StrEnum):
    """How a fix is written down."""

    GCLOUD = "gcloud"
    TERRAFORM = "terraform"
    CONFIG_CONNECTOR = "config-connector"


def written(fix: Fix, way: Way) -> list[str]:
    """The lines, as they are to be copied."""
    # Most questions are answered without either.
    if way is Way.TERRAFORM:
        from pathcheck.wire.terraform import resources

        return resources(fix).splitlines()
    if way is Way.CONFIG_CONNECTOR:
        from pathcheck.wire.config_connector import manifests

        return manifests(fix).splitlines()
    return lines(fix)


def fix_fields(proposal: Proposal) -> dict[str, object]:
    """`fix` is the first of `fixes`, or null; `noFix` says why."""
    fixes = [_fields(fix) for fix in proposal.fixes]
    return {"fix": fixes[0] if fixes else None, "fixes": fixes, "noFix": proposal.why_not or None}


def _fields(fix: Fix) -> dict[str, object]:
    return {
        "sentence": fix.sentence,
        "command": command(fix),
        "terraform": "\n".join(written(fix, Way.TERRAFORM)) + "\n",
        "configConnector": "\n".join(written(fix, Way.CONFIG_CONNECTOR)) + "\n",
        "opens": [*fix.opens],
        "closes": [*fix.closes],
        "beyond": fix.beyond,
    }


def fix_text(proposal: Proposal, way: Way) -> None:
    """The best fix in full, the others by their sentences."""
    if proposal.best is None:
        if proposal.why_not:
            typer.echo(f"\n  no fix: {proposal.why_not}")
        return
    typer.secho("\n  fix, predicted again with it in place:", dim=True)
    typer.echo(f"    {proposal.best.sentence}")
    typer.echo(f"    it {proposal.best.besides}")
    for line in written(proposal.best, way):
        # What is to be copied stands as it is, at the beginning of the line where the language cares.
        typer.echo(typer.style(f"    {line}" if way is Way.GCLOUD else line, bold=True))
    if proposal.fixes[1:]:
        typer.secho("\n  it could also be, opening no less:", dim=True)
        for fix in proposal.fixes[1:]:
            typer.echo(f"    {fix.sentence}")
