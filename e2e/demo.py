"""`make demo`: the origin story on a real cluster, from green over the deleted rule to the printed fix and green again."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from e2e import compute, install
from e2e.watching import Watch, is_false, is_true, names_the_rule

ROOT = install.ROOT
NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")
console = Console(width=120, record=True, highlight=False)


def main() -> int:
    """The whole demo; the exit code is 0 when every step was seen, 1 when one was not."""
    words = argparse.ArgumentParser(prog="make demo", description=__doc__)
    words.add_argument("--picture", type=Path, help="also write what was printed as an SVG")
    picture = words.parse_args().picture
    missing = what_is_missing()
    if missing:
        return offline(missing)
    console.print(
        Panel(
            "A Kubernetes cluster of three nodes. Somebody deletes a firewall rule by hand, and keeps no record.\n"
            "Nodes stay Ready, ping works, 80 and 443 work, and DNS is dead for the pods of every node but one.",
            title="PathCheck: the origin story",
            border_style="cyan",
        )
    )
    step("a real cluster: API server, scheduler, kubelets, containers, each node a network namespace")
    started = time.monotonic()
    if subprocess.run([sys.executable, "-m", "e2e.lab", "up"], cwd=ROOT, check=False).returncode:
        console.print("[red]✕[/] the lab did not come up; its own words are above")
        return 1
    done(f"up after {time.monotonic() - started:.0f} s")
    try:
        story()
    except (AssertionError, subprocess.CalledProcessError) as error:
        console.print(f"[red]✕[/] {error}", markup=True)
        if isinstance(error, subprocess.CalledProcessError):
            console.print(error.stderr, markup=False)
        console.print("The lab is left as it is: `make lab-shell` to look, `make lab-down` to remove it.")
        return 1
    if picture:
        console.save_svg(str(picture), title="make demo")
    return 0


def story() -> None:
    """From install to recovery; raises AssertionError when a promised state does not come."""
    env = install.environment()
    step("PathCheck is installed: kubectl apply -k manifests/lab")
    compute.restore_story()
    started = time.monotonic()
    install.install()
    done(f"the operator is ready after {time.monotonic() - started:.1f} s")
    step("what must hold, declared as three PathChecks; this is the first:")
    console.print(Text(yaml_body(install.EXAMPLES[0])), style="dim")
    with Watch(env) as watch:
        applied = time.monotonic()
        install.kubectl("apply", *(word for path in install.EXAMPLES for word in ("-f", str(path))))
        greens = [watch.wait_for(name, "True", is_true, within=60, after=0) for name in NAMES]
        done(f"complete and True {max(0.0, max(c.at for c in greens) - applied):.1f} s after kubectl apply")
        show("kubectl get pathchecks")
        outage(watch, env)
        fix = recovery(watch, env)
    console.print(
        Panel(
            Group(
                Text("Play on:"),
                Text("  make lab-shell                      # kubectl and gcloud, set for this cluster"),
                Text("  kubectl describe pathcheck kube-dns"),
                Text(f"  gcloud compute firewall-rules delete {fix} --quiet"),
                Text("  kubectl get pathchecks --watch"),
                Text("Clean up:"),
                Text("  make lab-down                       # leaves nothing"),
            ),
            border_style="cyan",
        )
    )


def outage(watch: Watch, env: dict[str, str]) -> None:
    """Deletes the rule and shows what PathCheck says, and when."""
    command = compute.delete(compute.DELETED_RULE)
    step(f"the manual edit that nobody recorded, by {compute.client_name()}:")
    console.print(f"  $ {command}", style="bold yellow", markup=False)
    compute.run(command, env)
    deleted = time.monotonic()
    first = watch.wait_for("kube-dns", "False", is_false, within=30, after=deleted)
    told = watch.wait_for("kube-dns", "naming the rule", names_the_rule, within=30, after=deleted)
    complete = watch.wait_for(
        "kube-dns", "all four flows", lambda c: c.counts.get("violated") == 4, within=30, after=deleted
    )
    table = Table.grid(padding=(0, 2))
    table.add_row("[red]✕[/]", f"{first.at - deleted:4.1f} s", "kube-dns turned Upheld=False")
    table.add_row("[red]✕[/]", f"{told.at - deleted:4.1f} s", "the cause is named: BlockedByFirewall")
    table.add_row(
        "[red]✕[/]",
        f"{complete.at - deleted:4.1f} s",
        "all four broken flows are found, the two on node-1 are still upheld",
    )
    console.print(table)
    settled(watch, deleted)
    show("kubectl get pathchecks")
    finding = watch.last("kube-dns").findings[0]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_row("decided by", finding["rule"])
    facts.add_row("sentence", finding["sentence"])
    facts.add_row("near miss", finding["nearMiss"])
    facts.add_row("fix", finding["fix"])
    console.print(Panel(facts, title="what kube-dns says", border_style="red"))
    show("kubectl get events -n default --field-selector involvedObject.name=kube-dns")
    for name in ("web-and-ping",):
        assert is_true(watch.last(name)), f"{name} did not stay True"
    done("tcp/80, tcp/443 and icmp between pods stayed True: what misled everybody in the story")


def recovery(watch: Watch, env: dict[str, str]) -> str:
    """Types the printed fixes as they stand and shows the recovery; returns the name of kube-dns' new rule."""
    step("the printed fixes, typed as they stand:")
    fixes = [watch.last(name).findings[0]["fix"] for name in ("kube-dns", "pod-to-pod")]
    for fix in fixes:
        console.print(f"  $ {fix}", style="bold green", markup=False)
        compute.run(fix, env)
    fixed = time.monotonic()
    mended = [watch.wait_for(name, "True", is_true, within=30, after=fixed - 2) for name in ("kube-dns", "pod-to-pod")]
    for change, name in zip(mended, ("kube-dns", "pod-to-pod"), strict=True):
        console.print(f"[green]●[/]  {max(0.0, change.at - fixed):4.1f} s  {name} is True again")
    show("kubectl get pathchecks")
    return shlex.split(fixes[0])[4]


def settled(watch: Watch, deleted: float) -> None:
    """Until pod-to-pod has found its six broken pairs on both protocols too."""
    watch.wait_for("pod-to-pod", "all twelve flows", lambda c: c.counts.get("violated") == 12, within=30, after=deleted)


def what_is_missing() -> list[str]:
    """What keeps this machine from running the lab; empty when it can."""
    missing = []
    if platform.system() != "Linux":
        missing.append(f"Linux (this is {platform.system()})")
    elif os.geteuid() != 0:
        missing.append("root, for network namespaces and containers (try: sudo make demo)")
    if not shutil.which("go"):
        missing.append("Go 1.26 or newer, to build Kubernetes once: https://go.dev/dl/")
    return missing


def offline(missing: list[str]) -> int:
    """The ten-second taste instead, labelled as such."""
    lines = "\n".join(f"  - {what}" for what in missing)
    console.print(
        Panel(
            f"This machine cannot run the lab. It lacks:\n{lines}\n\n"
            "What follows is NOT the demo: no cluster, no packets. It asks the evaluator about the story's recorded rules.",
            title="offline taste",
            border_style="yellow",
        )
    )
    recording = ROOT / "docs" / "story" / "outage.json"
    command = ["predict", "--recording", str(recording), "--from", "10.24.12.40", "--to", "10.24.9.31", "udp/53"]
    console.print(f"  $ pathcheck {shlex.join(command)}", style="bold", markup=False)
    return 0 if subprocess.run([sys.executable, "-m", "pathcheck", *command], check=False).returncode in (0, 1) else 1


def yaml_body(path: Path) -> str:
    """A manifest without its comments."""
    return "\n".join(f"  {line}" for line in path.read_text().splitlines() if not line.startswith("#"))


def show(command: str) -> None:
    """A command as the user would type it, and its output."""
    console.print(f"  $ {command}", style="bold", markup=False)
    output = install.kubectl(*shlex.split(command)[1:])
    console.print("\n".join(f"  {line}" for line in output.splitlines()), markup=False, soft_wrap=True)


def step(text: str) -> None:
    """The next thing that happens."""
    console.print(f"\n[cyan]▶[/] {text}")


def done(text: str) -> None:
    """It has happened."""
    console.print(f"[green]●[/] {text}")


if __name__ == "__main__":
    sys.exit(main())
