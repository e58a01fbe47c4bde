#!/bin/sh
# FLT-01 … FLT-03, FLT-10, VIS-06: a disk without room, then with room again; as root. Usage: full_disk.sh MANIFEST
replace="python3 $(dirname "$0")/replace.py $1"
disk=$(mktemp -d)
mount -t tmpfs -o size=64k tmpfs "$disk" || exit
trap 'umount "$disk"; rmdir "$disk"' EXIT
for bytes in 130 200000; do
  printf old > "$disk/status.json"
  [ "$bytes" = 130 ] && head -c 100000 /dev/zero > "$disk/filler" 2>/dev/null
  head -c "$bytes" /dev/zero | tr '\0' n | $replace "$disk/status.json" | cut -c 1-100
  echo "  $bytes bytes, no room: the target has $(stat -c %s "$disk/status.json") bytes; $(ls -A "$disk" | tr '\n' ' ')"
  rm -f "$disk/filler"
  echo new | $replace "$disk/status.json" | cut -c 1-100
  echo "  with room again: the target has $(stat -c %s "$disk/status.json") bytes; $(ls -A "$disk" | tr '\n' ' ')"
  find "$disk" -mindepth 1 -delete
done
