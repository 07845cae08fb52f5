"""Crystal to relaxed crystal and energy: engines, guards, and the stage that keeps what was computed."""
