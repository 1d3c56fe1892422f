"""The pages that the resources API gives."""

from services.resources.domain.images import OverAllocationRead, ResourceRead
from shared.pagination import page_of

ResourcePage = page_of(ResourceRead, "ResourcePage")
OverAllocationPage = page_of(OverAllocationRead, "OverAllocationPage")
