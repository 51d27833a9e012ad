"""DEEDS: everything that watches, waits, writes or dials. `main` is the only place that builds things."""
