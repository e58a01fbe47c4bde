"""Importing this hashes the kit's files: `trials` preloads it, so that the hundreds of runs need not do so each."""

from conformance.system.file_hashes import kit_files

kit_files()
