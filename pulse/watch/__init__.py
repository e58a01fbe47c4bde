"""``pulse watch``: status files on the screen, as lines, as JSON, and as an exit code."""
