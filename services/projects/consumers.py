"""What projects does with other services' events."""

from typing import Final

from services.projects.service.inbound import AcceptedEvent, apply_inbound
from shared.messaging import Subscription

SUBSCRIPTIONS: Final = {
    "gateway": (Subscription("pmo.gateway.inbound.accepted.v1", AcceptedEvent, apply_inbound),),
}
