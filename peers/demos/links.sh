#!/bin/sh
# MET-04: a link to itself, and a link whose ".." leads up from a folder that is reached through a link.
# Usage: links.sh MANIFEST
replace="python3 $(dirname "$0")/replace.py $1"
folder=$(mktemp -d)
ln -s itself "$folder/itself"
printf new | $replace "$folder/itself" | cut -c 1-120
echo "  a link to itself: $(stat -c %F "$folder/itself")"
mkdir -p "$folder/store/runs" "$folder/store/data"
ln -s store/runs "$folder/shortcut"
ln -s ../data/status.json "$folder/store/runs/status.json"
printf new | $replace "$folder/shortcut/status.json" | cut -c 1-120
echo "  a link to ../data/status.json: $(stat -c %F "$folder/store/runs/status.json")," \
  "and the file behind it is $([ -e "$folder/store/data/status.json" ] && echo there || echo missing)"
