#!/bin/sh
# FLT-01, FLT-10, VIS-06: a file-size limit of 64 KiB, SIGXFSZ ignored, and a longer document. Usage: size_limit.sh MANIFEST
replace="python3 $(dirname "$0")/replace.py $1"
folder=$(mktemp -d)
printf old > "$folder/status.json"
trap '' XFSZ
ulimit -f 128 # blocks of 512 bytes
head -c 200000 /dev/zero | tr '\0' n | $replace "$folder/status.json" | cut -c 1-100
echo "  the target has $(stat -c %s "$folder/status.json") bytes; $(ls -A "$folder" | tr '\n' ' ')"
