"""`make demo`: the origin story on a real cluster, from green over the deleted rule to the printed fix and green again."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from e2e import compute, install, place
from e2e.watching import Change, Watch, is_false, is_true, names_the_rule, violated

ROOT = install.ROOT
NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")
BROKEN = {"kube-dns": 4, "pod-to-pod": 12}
console = Console(width=118, record=True, highlight=False)


def main() -> int:
    """The whole demo; the exit code is 0 when every step was seen, 1 when one was not."""
    words = argparse.ArgumentParser(prog="make demo", description=__doc__)
    words.add_argument("--picture", type=Path, help="also write what was printed as an SVG")
    words.add_argument("--sentence", type=Path, help="also write what kubectl described in the outage as text")
    asked = words.parse_args()
    try:
        here = place.asked()
    except ValueError as error:
        console.print(f"[red]✕[/] {error}")
        return 2
    missing = here.missing()
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
    step(here.what)
    started = time.monotonic()
    if not here.up():
        console.print("[red]✕[/] it did not come up; its own words are above")
        return 1
    done(f"up after {time.monotonic() - started:.0f} s")
    try:
        described = story()
    except (AssertionError, subprocess.CalledProcessError) as error:
        console.print(f"[red]✕[/] {error}", markup=True)
        if isinstance(error, subprocess.CalledProcessError):
            console.print(error.stderr, markup=False)
        console.print(f"All is left as it is: `{here.shell}` to look, `{here.down}` to remove it.", markup=False)
        return 1
    if asked.picture:
        console.save_svg(str(asked.picture), title="make demo")
    if asked.sentence:
        asked.sentence.write_text(described)
    return 0


def story() -> str:
    """From install to recovery; returns what kubectl described in the outage.

    Raises AssertionError when a promised state does not come.
    """
    env = install.environment()
    step("PathCheck is installed")
    tell(f"kubectl apply --server-side -k {place.asked().overlay.relative_to(ROOT)}")
    compute.restore_story()
    started = time.monotonic()
    install.install()
    forget_earlier_demos()
    done(f"the operator is ready after {time.monotonic() - started:.1f} s")
    step("what must hold, as PathChecks; this is the first of three")
    console.print(Text(yaml_body(install.EXAMPLES[0])), style="dim")
    tell("kubectl apply -f docs/examples/kube-dns.yaml -f docs/examples/nodes.yaml")
    with Watch(env) as watch:
        applied = time.time()
        install.apply_examples()
        greens = [watch.wait_for(name, "True", is_true, within=60, after=applied) for name in NAMES]
        done(f"all three complete and True {max(c.at for c in greens) - applied:.1f} s after kubectl apply")
        show("kubectl get pathchecks")
        described = outage(watch, env)
        fix = recovery(watch, env)
        record(env)
    console.print(
        Panel(
            Group(
                Text("Play on:"),
                Text(f"  {place.asked().shell:<35} # kubectl and gcloud, set for this cluster"),
                Text("  kubectl describe pathcheck kube-dns"),
                Text(f"  gcloud compute firewall-rules delete {fix} --quiet"),
                Text("  kubectl get pathchecks --watch"),
                Text("Clean up:"),
                Text(f"  {place.asked().down:<35} # leaves nothing"),
            ),
            border_style="cyan",
        )
    )
    return described


def outage(watch: Watch, env: dict[str, str]) -> str:
    """Deletes the rule and shows what PathCheck says, and when."""
    command = compute.delete(compute.DELETED_RULE)
    step(f"the manual edit that nobody recorded, by {compute.client_name()}")
    tell(command, "bold yellow")
    compute.run(command, env)
    deleted = compute.changed_at()
    first = watch.wait_for("kube-dns", "False", is_false, within=30, after=deleted)
    told = watch.wait_for("kube-dns", "naming the rule", names_the_rule, within=30, after=deleted)
    complete = {name: watch.wait_for(name, "complete", violated(count), 30, deleted) for name, count in BROKEN.items()}
    table = Table.grid(padding=(0, 2))
    for change, what in (
        (first, "kube-dns turned Upheld=False"),
        (told, "its cause is named: BlockedByFirewall, and the missing rule"),
        (
            complete["kube-dns"],
            "all four broken queries of kube-dns are found; the two on CoreDNS' own node are upheld",
        ),
        (complete["pod-to-pod"], "all six broken pairs of pod-to-pod are found, on both protocols"),
    ):
        table.add_row("[red]✕[/]", f"{change.at - deleted:4.1f} s", what)
    console.print(table)
    show("kubectl get pathchecks")
    finding = watch.last("kube-dns").findings[0]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("decided by", finding["rule"])
    facts.add_row("sentence", finding["sentence"])
    facts.add_row("near miss", finding["nearMiss"])
    facts.add_row("fix", finding["fix"])
    console.print(Panel(facts, title="what kube-dns says", border_style="red"))
    changed = watch.wait_for("kube-dns", "told who did it", told_who, 30, deleted)
    console.print(f"[red]✕[/]  {changed.at - deleted:4.1f} s  it is known who did it: {last_change(changed)['who']}")
    events("kube-dns")
    assert is_true(watch.last("web-and-ping")), "web-and-ping did not stay True"
    done("tcp/80, tcp/443 and icmp between pods stayed True: what misled everybody in the story")
    return install.kubectl("describe", "pathcheck", "kube-dns")


def recovery(watch: Watch, env: dict[str, str]) -> str:
    """Types the printed fixes as they stand and shows the recovery; returns the name of kube-dns' new rule."""
    step("the printed fixes, typed as they stand")
    fixes = {name: watch.last(name).findings[0]["fix"] for name in BROKEN}
    for name, fix in fixes.items():
        tell(fix, "bold green")
        compute.run(fix, env)
        fixed = compute.changed_at()
        change: Change = watch.wait_for(name, "True", is_true, within=30, after=fixed)
        console.print(f"[green]●[/]  {change.at - fixed:4.1f} s  {name} is True again")
    show("kubectl get pathchecks")
    return shlex.split(fixes["kube-dns"])[4]


def told_who(change: Change) -> bool:
    """Whether the status names who changed the firewall, and that it broke flows of this check."""
    found = last_change(change)
    return bool(found.get("who")) and found["worse"] > 0


def last_change(change: Change) -> dict[str, Any]:
    """status.firewall.lastChange."""
    return dict(change.body.get("status", {}).get("firewall", {}).get("lastChange", {}))


def record(env: dict[str, str]) -> None:
    """The operator is restarted; who did what is still there."""
    step("the record that the story lacked; it survives the operator")
    for command in (
        "kubectl -n pathcheck-system rollout restart deployment/pathcheck-operator",
        "kubectl -n pathcheck-system rollout status deployment/pathcheck-operator --timeout=120s",
    ):
        tell(command)
        install.kubectl(*shlex.split(command)[1:])
    tell("pathcheck history kube-dns")
    words = [sys.executable, "-m", "pathcheck", "history", "kube-dns"]
    told = subprocess.run(words, env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        wrapped = textwrap.wrap(line, console.width - 4, subsequent_indent="      ", drop_whitespace=False) or [""]
        console.print("\n".join(f"  {part}" for part in wrapped), markup=False)
    assert compute.DELETED_RULE in told, "the history has lost the deletion"


def forget_earlier_demos() -> None:
    """The PathChecks, Events and history of an earlier run, so that what is shown is of this one."""
    install.kubectl("delete", "pathcheck", *NAMES, "--ignore-not-found")
    install.kubectl("delete", "firewallchanges", "-n", install.NAMESPACE, "--all")
    for name in NAMES:
        install.kubectl("delete", "events", "-n", "default", "--field-selector", f"involvedObject.name={name}")


def offline(missing: list[str]) -> int:
    """The ten-second taste instead, labelled as such."""
    instead = (
        "" if place.asked() is place.KIND else "With Docker and without root it runs on kind: make demo LAB=kind\n"
    )
    lines = "\n".join(f"  - {what}" for what in missing)
    console.print(
        Panel(
            f"This machine cannot run the demo. It lacks:\n{lines}\n{instead}\n"
            "What follows is NOT the demo: no cluster, no packets. It asks the evaluator about the story's recorded rules.",
            title="offline taste",
            border_style="yellow",
        )
    )
    command = "predict --recording docs/story/outage.json --from 10.24.12.40 --to 10.24.9.31 udp/53"
    tell(f"pathcheck {command}")
    done_ = subprocess.run([sys.executable, "-m", "pathcheck", *shlex.split(command)], cwd=ROOT, check=False)
    return 0 if done_.returncode == 1 else 1  # 1 is `blocked`, the story's answer


def yaml_body(path: Path) -> str:
    """A manifest without its comments."""
    return "\n".join(f"  {line}" for line in path.read_text().splitlines() if not line.startswith("#"))


def events(name: str) -> None:
    """The check's Events, oldest first, as much of each as fits."""
    tell(f"kubectl events --for pathcheck/{name}")
    selector = f"involvedObject.name={name}"
    found = json.loads(install.kubectl("get", "events", "-n", "default", "--field-selector", selector, "-o", "json"))
    for event in sorted(found["items"], key=lambda e: e["eventTime"]):
        line = f"  {event['eventTime'][11:19]}  {event['type']:8} {event['reason']:24} {event['message']}"
        console.print(line[: console.width - 1] + "…" if len(line) >= console.width else line, markup=False)


def show(command: str) -> None:
    """A command as the user would type it, and its output."""
    tell(command)
    output = install.kubectl(*shlex.split(command)[1:])
    console.print("\n".join(f"  {line}" for line in output.splitlines()), markup=False)


def tell(command: str, style: str = "bold") -> None:
    """A command that can be copied: a long one goes on in the next line, as a shell reads it."""
    lines = textwrap.wrap(command, console.width - 8, break_long_words=False, break_on_hyphens=False)
    console.print("  $ " + " \\\n      ".join(lines), style=style, markup=False)


def step(text: str) -> None:
    """The next thing that happens."""
    console.print(f"\n[cyan]▶[/] {text}")


def done(text: str) -> None:
    """It has happened."""
    console.print(f"[green]●[/] {text}")


if __name__ == "__main__":
    sys.exit(main())
