"""Who is judged, and how the kit talks to it: manifest, protocol, processes."""
