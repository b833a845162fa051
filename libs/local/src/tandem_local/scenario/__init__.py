"""One order from the customer's request to the back office, over the public interfaces only."""

from tandem_local.scenario.play import ScenarioFailedError, play

__all__ = ["ScenarioFailedError", "play"]
