"""The scenarios of ``pulse stress suite``, shipped with the kit; `stress.plugin` is their pytest plugin."""
