"""The lab's certificates and kubeconfigs: one authority, one month, made anew by every `up`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.lab.places import State, write, write_json
from e2e.lab.topology import API_PORT, API_SERVICE, CONTROL_PLANE, LOCAL_API_PORT, Topology

LIFETIME = datetime.timedelta(days=30)
# A machine whose clock was just set back must not find its own certificates in the future.
CLOCK_SLACK = datetime.timedelta(minutes=5)

# The groups and user names that Kubernetes' own RBAC rules are bound to:
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "kube-proxy": ("system:kube-proxy", None),
}
API_SERVER_NAMES = (
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
    "localhost",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that writes PEM files into the state's pki directory."""

    state: State
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(
        self,
        file: str,
        common_name: str,
        organization: str | None = None,
        names: tuple[str, ...] = (),
        addresses: tuple[IPv4Address, ...] = (),
    ) -> None:
        """Writes `file`.key and `file`.crt, good for servers and clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        alternatives = [*(x509.DNSName(name) for name in names), *(x509.IPAddress(address) for address in addresses)]
        builder = _unsigned(_name(common_name, organization), self.certificate.subject, key.public_key())
        builder = builder.add_extension(usage, critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        _write_key(self.state, file, key)
        _write_certificate(self.state, file, builder.sign(self.key, hashes.SHA256()))


def create(state: State, topology: Topology) -> None:
    """Makes all keys and certificates, and a kubeconfig for everyone who speaks to the API server."""
    authority = _authority(state)
    _write_service_account_keys(state)
    authority.issue(
        "apiserver",
        "kube-apiserver",
        names=API_SERVER_NAMES,
        addresses=(CONTROL_PLANE, API_SERVICE, IPv4Address("127.0.0.1")),
    )
    authority.issue("front-proxy", "front-proxy-client")
    authority.issue("kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    inside = f"https://{CONTROL_PLANE}:{API_PORT}"
    for user, (common_name, organization) in USERS.items():
        authority.issue(user, common_name, organization)
        write_json(state.kubeconfig(user), kubeconfig(state, user, inside), 0o600)
    for node in topology.nodes:
        authority.issue(node.name, f"system:node:{node.name}", "system:nodes", (node.name,), (node.address,))
        write_json(state.kubeconfig(node.name), kubeconfig(state, node.name, inside), 0o600)
    write_json(state.user_kubeconfig, kubeconfig(state, "admin", f"https://127.0.0.1:{LOCAL_API_PORT}"), 0o600)


def kubeconfig(state: State, user: str, server: str) -> dict[str, object]:
    """A kubeconfig (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/) for one certificate."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "clusters": [
            {"name": "lab", "cluster": {"server": server, "certificate-authority": str(state.pki / "ca.crt")}},
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate": str(state.pki / f"{user}.crt"),
                    "client-key": str(state.pki / f"{user}.key"),
                },
            },
        ],
    }


def _authority(state: State) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("lab-ca")
    signs_certificates = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _unsigned(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signs_certificates, critical=True)
        .sign(key, hashes.SHA256())
    )
    # The controller manager signs CertificateSigningRequests with it.
    _write_key(state, "ca", key)
    _write_certificate(state, "ca", certificate)
    return Authority(state, key, certificate)


def _write_service_account_keys(state: State) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write_key(state, "service-accounts", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write(state.pki / "service-accounts.pub", public.decode())


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + LIFETIME)
    )


def _write_key(state: State, file: str, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write(state.pki / f"{file}.key", pem.decode(), 0o600)


def _write_certificate(state: State, file: str, certificate: x509.Certificate) -> None:
    write(state.pki / f"{file}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode())
