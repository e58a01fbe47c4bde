"""`pulse judge`: what a program, run as it is, does to the files that it rewrites."""
