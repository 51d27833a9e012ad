"""The program inside the probe pod: standard library only, imports nothing else of this package."""
