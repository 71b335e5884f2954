"""How long torch's threads on the CPU spin before they sleep: so short that a busy machine does not starve.

A cascade is thousands of small operations. Threads that sleep as soon as they have nothing to do must be woken for each
of them, which costs more than the second thread saves; threads that spin for long, as is the default, take the cores
from whoever else computes. `patchicl benchmark speed` measures with this setting.
"""

from collections.abc import MutableMapping

# GNU's runtime, which torch has on Linux, counts spins: these are microseconds. Others know only whether.
_CHOICE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}


def choose_thread_waiting(environment: MutableMapping[str, str]) -> None:
    """Set the variables, unless the user has set one of them; torch reads them when it is loaded."""
    if not any(name in environment for name in _CHOICE):
        environment.update(_CHOICE)
