"""What the control plane machine runs: etcd, API server, controller manager and scheduler, with their flags."""

from __future__ import annotations

from e2e.lab.machines import Service
from e2e.lab.places import State
from e2e.lab.topology import API_PORT, CONTROL_PLANE, SERVICES


def services(state: State) -> tuple[Service, ...]:
    """The machine's services.

    The controller manager and the scheduler wait for the API server: before its RBAC bootstrap they would end once and
    lose seconds.
    """
    ready = (state.api_is_ready,)
    return (
        Service("etcd", _etcd()),
        Service("kube-apiserver", _api_server(state)),
        Service("kube-controller-manager", _controller_manager(state), after=ready),
        Service("kube-scheduler", _scheduler(state), after=ready),
    )


def _etcd() -> tuple[str, ...]:
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return (
        "etcd",
        "--name=lab",
        "--data-dir=/var/lib/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        # The lab's data need not survive a power cut of the real machine, and start-up is bound by fsync.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _api_server(state: State) -> tuple[str, ...]:
    pki = state.pki
    return (
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={CONTROL_PLANE}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        # Pod Security admission is on by default.
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--service-account-key-file={pki}/service-accounts.pub",
        # Without the aggregation layer's flags the controller manager logs errors for ever about a missing bundle.
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        "--profiling=false",
    )


def _controller_manager(state: State) -> tuple[str, ...]:
    pki = state.pki
    return (
        "kube-controller-manager",
        *_own_kubeconfig(state, "controller-manager"),
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--use-service-account-credentials",
        # One service account per controller at the default 20 requests a second delays the first pods by seconds.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )


def _scheduler(state: State) -> tuple[str, ...]:
    return ("kube-scheduler", *_own_kubeconfig(state, "scheduler"))


def _own_kubeconfig(state: State, user: str) -> tuple[str, ...]:
    file = state.kubeconfig(user)
    return (
        f"--kubeconfig={file}",
        f"--authentication-kubeconfig={file}",
        f"--authorization-kubeconfig={file}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
    )
