"""Composition of the stages without a workflow engine: plan, screen, advance."""
