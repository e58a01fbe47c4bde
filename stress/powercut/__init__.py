"""Real power cuts: file systems that are cut off while an implementation writes (clauses PWR-02 … PWR-04)."""
