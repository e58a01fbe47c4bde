"""``pulse report-bug``: failures as bug reports for the maintainers of what was judged."""
