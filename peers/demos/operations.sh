#!/bin/sh
# The calls of one write: VIS-02, VIS-03, VIS-04, VIS-10, FLT-05, PWR-01, PWR-02.
# Usage: operations.sh MANIFEST [INJECTION]
replace="python3 $(dirname "$0")/replace.py $1"
injection=${2:+-e inject=$2}
folder=$(mktemp -d)
log=$(mktemp)
printf old > "$folder/status.json"
printf new | strace -f -y -qq -o "$log" -e trace=%file,%desc $injection $replace "$folder/status.json"
grep -F "$folder" "$log" | grep -v 'exec\|ENOTTY\|readlink' | sed "s|^[0-9]* *||; s|$folder|D|g" | cut -c 1-150
