"""``pulse observe``: watches files of a running system without disturbing it (docs/observe.md)."""
