"""PathCheck: network-path invariants for Kubernetes on cloud nodes.

The map. Imports go down only; `lint-imports` holds it to that.

    shell   DEEDS         the operator: watches, queue, reconcile, the cluster, the firewall reader
    cli     the program   `pathcheck run` starts the shell; predict, prove, plan, impact, diff, … ask a recording; history the cluster
    ──────────────────────────────────────────────────────────────────────────────────────────
    core    VERBS         pure: decide puts them in order; rooms: rules · ways · checks · proofs · fixes · signatures · changes · reliance
    wire    TRANSLATIONS  Kubernetes' and Google's dicts ↔ model
    ──────────────────────────────────────────────────────────────────────────────────────────
    model   NOUNS         frozen, standard library only
    probe   the program inside the probe pod; standard library only

One pass is *gather → decide → apply*. Observation decides, prediction explains, unknown is said aloud.
"""

__version__ = "0.1.0"
