"""The data types that the processes of a run exchange and the judges read. No I/O."""
