"""What keeps a failing service from taking the gateway down: circuit breaker and retry budget."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When to stop asking, and when to ask again; times in seconds."""

    window: float = 10.0
    least: int = 20
    share: float = 0.5
    rest: float = 5.0
    probes: int = 2


class Breaker:
    """Opens when half of the recent calls failed; after a rest a few probes decide whether it closes."""

    __slots__ = ("_failed", "_last", "_opened", "_probing", "_rules", "_since", "_total")

    def __init__(self, rules: BreakerRules | None = None) -> None:
        self._rules = rules or BreakerRules()
        self._opened: float | None = None
        self._probing = 0
        self._since = 0.0
        self._total = self._failed = 0
        self._last = (0, 0)

    def admits(self, now: float) -> bool:
        """Whether a call may be made; each admitted call must be followed by `record` or `forget`."""
        if self._opened is None:
            return True
        if now - self._opened < self._rules.rest or self._probing >= self._rules.probes:
            return False
        self._probing += 1
        return True

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, or only probes let through."""
        return self._opened is not None

    def record(self, *, ok: bool, now: float) -> None:
        """Tell how an admitted call went; an HTTP error answer is a success of the transport."""
        if self._opened is not None:
            self._probing = max(0, self._probing - 1)
            if ok:
                self._opened = None
                self._start_window(now, carry=False)
            elif now - self._opened >= self._rules.rest:
                self._opened = now
            return
        if now - self._since >= self._rules.window / 2:
            self._start_window(now, carry=now - self._since < self._rules.window)
        self._total += 1
        if ok:
            return
        self._failed += 1
        total, failed = self._total + self._last[0], self._failed + self._last[1]
        if total >= self._rules.least and failed >= total * self._rules.share:
            self._opened = now
            self._probing = 0

    def forget(self) -> None:
        """An admitted call ended without telling anything, as when its client went away."""
        self._probing = max(0, self._probing - 1)

    def _start_window(self, now: float, *, carry: bool) -> None:
        self._last = (self._total, self._failed) if carry else (0, 0)
        self._total = self._failed = 0
        self._since = now


class RetryBudget:
    """Lets a tenth of the requests be tried again, so that retries never amplify an outage."""

    __slots__ = ("_credit", "_most", "_share")

    def __init__(self, share: float = 0.1, most: float = 10.0, initial: float = 1.0) -> None:
        self._share = share
        self._most = most
        self._credit = initial

    def deposit(self) -> None:
        """A request was made."""
        if self._credit < self._most:
            self._credit += self._share

    def withdraw(self) -> bool:
        """Whether one more try is allowed."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True
