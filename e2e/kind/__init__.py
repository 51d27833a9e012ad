"""The story on kind (https://kind.sigs.k8s.io) instead of the lab, for machines that have Docker and no root: docs/kind.md."""
