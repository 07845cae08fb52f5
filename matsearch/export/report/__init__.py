"""A campaign as one page for people: figures, tables and drawn crystals, readable without a network."""
