"""Anti-entropy: projections are compared with their owners in the background, and repaired from the owners' logs."""
