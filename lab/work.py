"""How long work lasts: cmdlets and programs that take their time in a job (lab/jobs.py); anywhere else in the lab they take none."""
from __future__ import annotations

LASTS = {}                          # cmdlet or program in lower case -> (seconds, during)


def lasts(name, during=None):
    """Registers a function ``(run, given) -> seconds`` as the time that a cmdlet or program takes in a job; *given*: its parameters (a mapping)
    or arguments (a list). *during*: ``(run, given, share)``, called while it works, with the share (0 to 1) that is done."""
    def register(function):
        LASTS[name.casefold()] = function, during
        return function
    return register


def seconds(backend, name, given):
    """How long something lasts; 0 where nobody said."""
    function = LASTS.get(name.casefold(), (None,))[0]
    return function(backend.run(name), given) if function else 0
