"""The conformance suite of pulse: judges any implementation, in any language, against SPEC.md."""
