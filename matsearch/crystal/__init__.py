"""What everybody needs to know of a crystal: canonical form, matcher, files, known crystals."""
