"""What a node runs: containerd, kubelet and kube-proxy, with their configuration files, and the import of its images."""

from __future__ import annotations

import shlex
from pathlib import Path

from e2e.lab.machines import Service
from e2e.lab.places import State, write, write_json
from e2e.lab.topology import DNS_SERVICE, MTU, Node

# Where Debian's containernetworking-plugins puts them.
CNI_PLUGINS = "/usr/lib/cni"
PAUSE_IMAGE = "lab.local/pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
# kube-proxy masquerades what does not come from here. Not the whole pod range: the Services lie inside that.
POD_RANGES_IN_USE = "10.24.0.0/16"


def imported(state: State, node: Node) -> Path:
    """The file that exists once the node has all of its images."""
    return state.machine(node.name) / "images-are-imported"


def install_configuration(state: State, node: Node) -> None:
    """Writes the configuration files that the node's services name."""
    place = state.machine(node.name)
    write(place / "containerd.toml", containerd_configuration(place / "cni"))
    write_json(place / "cni" / "10-lab.conflist", cni_configuration(node))
    write_json(place / "kubelet.json", kubelet_configuration(state, node))
    write(place / "resolv.conf", "# The lab has no resolver outside the cluster.\n")
    write_json(place / "kube-proxy.json", kube_proxy_configuration(state, node))


def services(state: State, node: Node, layouts: tuple[Path, ...]) -> tuple[Service, ...]:
    """The node's services; `layouts` are the images that it imports at its first boot."""
    place = state.machine(node.name)
    return (
        Service("containerd", ("containerd", "--config", str(place / "containerd.toml"))),
        Service("images", ("sh", "-c", import_script(layouts, imported(state, node)))),
        Service(
            "kubelet",
            (
                "kubelet",
                f"--config={place / 'kubelet.json'}",
                f"--kubeconfig={state.kubeconfig(node.name)}",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
                "--root-dir=/var/lib/kubelet",
            ),
        ),
        Service("kube-proxy", ("kube-proxy", f"--config={place / 'kube-proxy.json'}")),
    )


def import_line(layout: Path) -> str:
    """The shell line by which a node takes an image from its OCI layout, into the namespace where kubelets look.

    Layers that the node has already are left out of the stream: the code of an image changes, its other 350 MB do not.
    """
    known = "ctr --namespace=k8s.io content ls --quiet | sed 's,:,/,; s,^,./blobs/,'"
    packed = f"tar --directory={shlex.quote(str(layout))} --exclude-from=- --create ."
    return f"{known} | {packed} | ctr --namespace=k8s.io images import -"


def import_script(layouts: tuple[Path, ...], done: Path) -> str:
    """The shell script that imports images when containerd answers, and ends never: its keeper would run it again."""
    imports = "".join(f"{import_line(layout)} && " for layout in layouts)
    return f"""test -e '{done}' && exec sleep infinity
until ctr --namespace k8s.io version >/dev/null 2>&1; do sleep 0.1; done
{imports}touch '{done}' && exec sleep infinity"""


def containerd_configuration(cni: Path) -> str:
    """containerd's configuration in TOML, version 2 (containerd 1.6 and 1.7 read it; 2.x converts it)."""
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
# Not needed, and each logs an error where the kernel or the file system lacks what it wants.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Root without CAP_SYS_RESOURCE may not lower oom_score_adj; runc would end without saying why.
  restrict_oom_score_adj = true
  # A profile loaded into the kernel would outlive the lab.
  disable_apparmor = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{cni}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def cni_configuration(node: Node) -> dict[str, object]:
    """A bridge per node as GKE's cbr0 was in the story; pods keep their addresses (`ipMasq` off)."""
    bridge = {
        "type": "bridge",
        "bridge": "cbr0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "mtu": MTU,
        "ipam": {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": str(node.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge, portmap]}


def kubelet_configuration(state: State, node: Node) -> dict[str, object]:
    """https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(state.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(state.pki / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(state.pki / f"{node.name}.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [str(DNS_SERVICE)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(state.machine(node.name) / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        # See containerd's restrict_oom_score_adj.
        "oomScoreAdj": 0,
        # The default lies in /usr/libexec of the real machine.
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        "maxPods": 60,
        # Images cannot be pulled again, and the node's disk is the real machine's: neither collect nor evict.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "evictionHard": {
            "imagefs.available": "0%",
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
    }


def kube_proxy_configuration(state: State, node: Node) -> dict[str, object]:
    """https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/"""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": POD_RANGES_IN_USE,
        "detectLocalMode": "ClusterCIDR",
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(state.kubeconfig("kube-proxy"))},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0,
        # The connection table's size belongs to the real machine and cannot be set from a namespace.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
