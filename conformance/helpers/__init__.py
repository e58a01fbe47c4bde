"""Programs of the kit that run beside an implementation under test."""
