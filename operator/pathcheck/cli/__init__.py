"""The `pathcheck` program. Imports neither kopf nor google, so that it starts fast."""
