"""Files that came in."""

from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field

from services.projects.models.base import Row


class ImportRow(Row, table=True):
    """A file that came in, and what became of it."""

    __tablename__ = "plan_import"
    format: str
    sha256: str
    size_bytes: int
    operation_id: UUID
    project_id: UUID | None = None
    target_project_id: UUID | None = None
    dry_run: bool = False
    status: str
    actor: str
    own_only: bool = False
    request_id: str = ""
    content: bytes | None = Field(default=None, sa_type=LargeBinary)
