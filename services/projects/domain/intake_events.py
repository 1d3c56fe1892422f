"""The events of requests for projects. Assessments are part of their request; each criterion is its own aggregate."""

from typing import ClassVar, Final

from services.projects.domain.intake_images import IntakeAssessmentRead, IntakeCriterionRead, IntakeRequestRead
from shared.events import EntityEvent, Event


class IntakeRequestCreated(EntityEvent[IntakeRequestRead]):
    """A request for a project was made."""

    type: ClassVar[str] = "pmo.projects.intake_request.created.v1"


class IntakeRequestUpdated(EntityEvent[IntakeRequestRead]):
    """A request for a project was changed."""

    type: ClassVar[str] = "pmo.projects.intake_request.updated.v1"


class IntakeRequestSubmitted(EntityEvent[IntakeRequestRead]):
    """A request waits for assessments and a decision."""

    type: ClassVar[str] = "pmo.projects.intake_request.submitted.v1"


class IntakeRequestScored(EntityEvent[IntakeRequestRead]):
    """What the assessments of a request come to has changed."""

    type: ClassVar[str] = "pmo.projects.intake_request.scored.v1"


class IntakeRequestWithdrawn(EntityEvent[IntakeRequestRead]):
    """Who asked for a project does so no more."""

    type: ClassVar[str] = "pmo.projects.intake_request.withdrawn.v1"


class IntakeRequestApproved(EntityEvent[IntakeRequestRead]):
    """A request has become a project."""

    type: ClassVar[str] = "pmo.projects.intake_request.approved.v1"


class IntakeRequestRejected(EntityEvent[IntakeRequestRead]):
    """A request was turned down."""

    type: ClassVar[str] = "pmo.projects.intake_request.rejected.v1"


class IntakeRequestDeferred(EntityEvent[IntakeRequestRead]):
    """A request is to be decided later."""

    type: ClassVar[str] = "pmo.projects.intake_request.deferred.v1"


class IntakeAssessmentCreated(EntityEvent[IntakeAssessmentRead]):
    """Somebody has assessed a request."""

    type: ClassVar[str] = "pmo.projects.intake_assessment.created.v1"


class IntakeAssessmentUpdated(EntityEvent[IntakeAssessmentRead]):
    """An assessor has changed what they said of a request."""

    type: ClassVar[str] = "pmo.projects.intake_assessment.updated.v1"


class IntakeCriterionCreated(EntityEvent[IntakeCriterionRead]):
    """Requests are assessed by something more."""

    type: ClassVar[str] = "pmo.projects.intake_criterion.created.v1"


class IntakeCriterionUpdated(EntityEvent[IntakeCriterionRead]):
    """What requests are assessed by was changed."""

    type: ClassVar[str] = "pmo.projects.intake_criterion.updated.v1"


class IntakeCriterionDeleted(EntityEvent[IntakeCriterionRead]):
    """Requests are no longer assessed by something."""

    type: ClassVar[str] = "pmo.projects.intake_criterion.deleted.v1"


INTAKE_EVENTS: Final[tuple[type[Event], ...]] = (
    IntakeRequestCreated,
    IntakeRequestUpdated,
    IntakeRequestSubmitted,
    IntakeRequestScored,
    IntakeRequestWithdrawn,
    IntakeRequestApproved,
    IntakeRequestRejected,
    IntakeRequestDeferred,
    IntakeAssessmentCreated,
    IntakeAssessmentUpdated,
    IntakeCriterionCreated,
    IntakeCriterionUpdated,
    IntakeCriterionDeleted,
)
"""All of them."""
