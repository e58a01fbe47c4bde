"""The program under test and how the kit talks to it: manifest, protocol, processes."""
