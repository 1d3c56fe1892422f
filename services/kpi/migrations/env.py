"""Alembic's entry: this service's tables."""

from services.kpi.models import METADATA
from shared.migrations import run_environment

run_environment(METADATA)
