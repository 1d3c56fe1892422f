"""Settings of kpi."""

import os

from shared.settings import ServiceSettings, from_environment


class Settings(ServiceSettings):
    """What every service needs; kpi needs nothing else."""


def load() -> Settings:
    """Read the settings from the environment; raises SettingsError with all mistakes."""
    return from_environment(Settings, os.environ)
