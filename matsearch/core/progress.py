"""Progress as log records: stages say what happened, whoever runs them decides how it looks."""

import logging
from typing import Any

LOGGER_NAME = "matsearch.progress"
_logger = logging.getLogger(LOGGER_NAME)


def report(event: str, **fields: Any) -> None:
    """Emit one event with its fields (JSON types) on the progress logger."""
    _logger.info(event, extra={"event": event, "fields": fields})
