"""GPAW as an independent judge. It runs in processes of its own: matsearch never imports it."""
