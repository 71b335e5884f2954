"""Random steps of a user, as many as the environment variable PATCHICL_RANDOM_STEPS says."""

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run_random_steps(machine: type[RuleBasedStateMachine], steps_of_an_example: int, examples: int) -> int:
    """Run a machine: the same few examples in every run, others where steps are asked for; gives how many are."""
    steps = int(os.environ.get("PATCHICL_RANDOM_STEPS", "0"))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=-(-2 * steps // steps_of_an_example) or examples,
            stateful_step_count=steps_of_an_example,
            derandomize=not steps,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    return steps
