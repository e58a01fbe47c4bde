"""The kit's own programs that run alongside an implementation under test."""
