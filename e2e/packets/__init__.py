"""Whole packets from machine to machine, to compare what arrives with what is predicted (docs/packets.md)."""
