"""The contracts between services and with the world, built from the code and committed."""

from services.contracts.write import build, files, main

__all__ = ["build", "files", "main"]
