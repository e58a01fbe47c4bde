"""The scenarios of ``pulse stress suite``, shipped with the kit, and their pytest plugin."""
