"""What happens to links between projects; part of the successor's project."""

from typing import ClassVar, Final

from services.projects.domain.project_link_images import ProjectLinkRead
from shared.events import EntityEvent, Event


class ProjectLinkCreated(EntityEvent[ProjectLinkRead]):
    """A hard link was made, and is in force."""

    type: ClassVar[str] = "pmo.projects.project_link.created.v1"


class ProjectLinkOffered(EntityEvent[ProjectLinkRead]):
    """A soft link waits for the word of who plans the successor's project."""

    type: ClassVar[str] = "pmo.projects.project_link.offered.v1"


class ProjectLinkAccepted(EntityEvent[ProjectLinkRead]):
    """A soft link is in force from now on."""

    type: ClassVar[str] = "pmo.projects.project_link.accepted.v1"


class ProjectLinkRefused(EntityEvent[ProjectLinkRead]):
    """A soft link is not, or no more, in force: the successor's side does not want it."""

    type: ClassVar[str] = "pmo.projects.project_link.refused.v1"


class ProjectLinkWithdrawn(EntityEvent[ProjectLinkRead]):
    """A soft link is not, or no more, in force: the predecessor's side takes it back."""

    type: ClassVar[str] = "pmo.projects.project_link.withdrawn.v1"


class ProjectLinkUpdated(EntityEvent[ProjectLinkRead]):
    """A hard link was changed."""

    type: ClassVar[str] = "pmo.projects.project_link.updated.v1"


class ProjectLinkDeleted(EntityEvent[ProjectLinkRead]):
    """A link was removed, or one of its tasks was."""

    type: ClassVar[str] = "pmo.projects.project_link.deleted.v1"


PROJECT_LINK_EVENTS: Final[tuple[type[Event], ...]] = (
    ProjectLinkCreated,
    ProjectLinkOffered,
    ProjectLinkAccepted,
    ProjectLinkRefused,
    ProjectLinkWithdrawn,
    ProjectLinkUpdated,
    ProjectLinkDeleted,
)
