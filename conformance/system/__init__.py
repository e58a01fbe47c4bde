"""What the kit knows of the system that it runs on."""
