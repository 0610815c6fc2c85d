"""Words by language that say nothing of what a text is about: one text file each, named by its ISO 639-1 code."""
