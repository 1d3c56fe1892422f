"""The conditions that several lists have in common."""

from typing import Final

FOUND_BY: Final = {"key": "t.key = {}", "name": "position(lower({}) in lower(t.name)) > 0"}
# No index serves it: `@>` is not leakproof, so row-level security has to come before it. What an organization has of
# portfolios, programmes and projects, or a project of tasks, is found by an index and then looked through.
CUSTOM: Final = """(select bool_and((select bool_or(t.custom_fields @> v) from jsonb_array_elements(f) v))
   from jsonb_array_elements({}::jsonb) f)"""
"""The condition by fields of the organization's own: for each an array of the objects of which one must be held."""
GOVERNED: Final = {
    "status": "t.status = any({}::text[])",
    "owner": "t.owner = {}",
    "sponsor": "t.sponsor = {}",
    "customer_id": "t.customer_id = {}",
    "health": "coalesce(t.health_status, 'undeclared') = any({}::text[])",
    "category": "t.categories && {}::text[]",
    "custom": CUSTOM,
}
"""What portfolios, programmes and projects can be filtered by."""

# In a list `$1` is the organization. A portfolio holds what is put into it, its programmes' projects, and all of this
# of the portfolios below it.
BELOW: Final = """with recursive below as (
  select {root} as id
  union select c.id from portfolio c join below b on c.parent_id = b.id where c.organization_id = $1
)"""
BELOW_PROJECTS: Final = """
  select i.project_id as id from portfolio_item i join below b on i.portfolio_id = b.id where i.organization_id = $1
  union
  select p.id from project p join programme g on g.organization_id = $1 and g.id = p.programme_id
  join below b on b.id = g.portfolio_id where p.organization_id = $1"""
IN_PORTFOLIO: Final = f"t.id in ({BELOW.format(root='{}::uuid')}{BELOW_PROJECTS})"
"""The condition for projects that a portfolio holds, directly or not."""
