"""A plan and an event of our own making: what the README, `pmo up --demo` and the tests use."""
