#!/bin/sh
# Needs the headers of GLib, 2.66 or newer; on Debian: libglib2.0-dev.
exec cc -O2 -Wall -Wextra -o adapter adapter.c $(pkg-config --cflags --libs glib-2.0)
