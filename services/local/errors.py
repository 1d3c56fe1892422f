"""What can go wrong on this machine, said in one readable message."""


class LocalRuntimeError(Exception):
    """The local runtime cannot do what was asked; the message says why and what helps."""
