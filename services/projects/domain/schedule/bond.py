"""What a link is to the passes."""

from collections.abc import Iterable

from services.projects.domain.schedule.clock import Clock

Bond = tuple[int, bool, bool, int, Clock]
"""An incoming link that is more than finish-to-start without lag: the predecessor, whether the link leaves from its
finish, whether it ends at the finish of the node that keeps it, the lag, and what the lag is counted on.

A bare tuple, because a plan has very many of them: making and unpacking one is a quarter of what a named one costs.
"""
Until = list[int] | dict[int, int]
"""Instants by node; a dictionary, where only some nodes are looked at, has a value for every node."""


def hold_back(bonds: Iterable[Bond], start: int, finish: int, begin_until: Until, until: Until) -> None:
    """Note until when the predecessors of a node may begin and finish for it to start and finish at these instants."""
    for before, from_finish, to_finish, lag, clock in bonds:
        limit = finish if to_finish else start
        if lag:
            limit = clock.start_at[clock.index[limit] - lag]
        allowed = until if from_finish else begin_until
        present = allowed[before]
        allowed[before] = limit if limit < present else present
