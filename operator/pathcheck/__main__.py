"""`python -m pathcheck` is `pathcheck`."""

from pathcheck.cli.main import run

if __name__ == "__main__":
    run()
