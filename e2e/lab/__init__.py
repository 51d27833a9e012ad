"""The lab: a real multi-node Kubernetes cluster on one Linux machine, without container engine or registry.

Every machine (a control plane, the nodes) is a process tree in namespaces of its own; a router namespace joins them, as
a cloud's network does, and is where the firewall's rules meet the packets. `python -m e2e.lab --help` is the way in,
`docs/lab.md` the manual.

    topology                    who is there, under which name and address
    packages toolchain          Debian's programs; ours from Go modules
    oci layers images store     container images without a registry
    python_images               the project's own two
    pki control_plane nodes     certificates, flags and configuration files
    network cgroups machines    namespaces, and processes in them
    cluster lifecycle           the cluster's API; up, down and repair
    companions forward seed     the way in, and the Compute API (cloud) with its first rules
    environment                 settings for clients on this machine
"""
