"""What the kit needs to know about the operating system it runs on."""
