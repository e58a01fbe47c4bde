"""The program under test and how the kit talks to it: protocol, client, processes."""
