"""jobflow jobs and Makers, and the driver that runs them without a server."""
