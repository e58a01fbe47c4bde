"""What the kit has to know about the operating system: share modes, Windows, names of errors."""
