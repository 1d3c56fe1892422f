"""Faults on purpose: what the promises of docs/guarantees.md are worth. `make chaos` runs all of it."""
