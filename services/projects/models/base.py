"""What every table of projects is derived from."""

from typing import Final

from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.orm import registry

from shared.tables import NAMING, EntityRow, infrastructure

METADATA: Final = MetaData(naming_convention=NAMING)
infrastructure(METADATA)


class Row(EntityRow, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


def project_key() -> ForeignKeyConstraint:
    """Return the foreign key to the project; the organization is part of it, so it never crosses organizations."""
    return ForeignKeyConstraint(
        ["organization_id", "project_id"], ["project.organization_id", "project.id"], ondelete="CASCADE"
    )
