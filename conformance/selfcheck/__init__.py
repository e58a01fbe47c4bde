"""The kit is judged: every mutant must be caught, no variant may be flagged."""
