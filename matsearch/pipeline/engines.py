"""Engines that are made when there is work for them."""

from collections.abc import Generator, Iterable

from matsearch.core.records import RelaxOutcome
from matsearch.pipeline.tools import Tools
from matsearch.relax.engine import get_engine
from matsearch.relax.task import RelaxTask


class WhenNeeded:
    """A search's engine, made when tasks come: where all is in the cache, no weights are loaded and no device is needed."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task."""
        config = self._tools.config
        engine = get_engine(config.potential, config.execution, self._tools.potential.info.sha256)
        yield from engine.run(tasks)

    def close(self) -> None:
        """Nothing to end: the engine is kept for others."""
