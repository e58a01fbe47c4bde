"""Power cuts at every block: each image that a disk may hold after a cut, mounted and looked at (PWR-02 … PWR-04)."""
