"""One run of the suite: its folder, its cases, the pytest plugin and the controlling process."""
