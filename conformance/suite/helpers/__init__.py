"""The kit's own programs that the suite runs alongside an implementation under test."""
