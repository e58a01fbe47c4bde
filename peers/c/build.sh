#!/bin/sh
# Needs the headers of GLib (2.66 or newer) and json-glib; on Debian: libglib2.0-dev and libjson-glib-dev.
exec cc -O2 -Wall -Wextra -o adapter adapter.c $(pkg-config --cflags --libs json-glib-1.0)
