#!/bin/sh
# MET-05, FLT-01: names of 255 and of 256 bytes. Usage: names.sh MANIFEST
replace="python3 $(dirname "$0")/replace.py $1"
for bytes in 255 256; do
  folder=$(mktemp -d)
  name=$(head -c "$bytes" /dev/zero | tr '\0' n)
  printf new | $replace "$folder/$name" | sed 's/n\{20,\}/n…/g' | cut -c 1-120
  echo "  $bytes bytes: $(for found in $(ls -A "$folder"); do echo "there is a name of ${#found} bytes"; done)"
done
