"""Parents to proposals."""
