#!/bin/sh
# MET-04: a link to itself, a link whose ".." leads up from a folder that is reached through a link, and a path with one;
# VIS-04, VIS-08: a link to a file that is written in place.
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
printf new | $replace "$folder/shortcut/../status.json" | cut -c 1-120
echo "  the path shortcut/../status.json: published" \
  "$([ -e "$folder/store/status.json" ] && echo where it leads || echo "beside $(ls "$folder" | grep shortcut)")"
printf old >"$folder/file"
ln -s file "$folder/link"
before=$(stat -c %i "$folder/file")
printf new | $replace "$folder/link" | cut -c 1-120
echo "  a link to a file: $(stat -c %F "$folder/link")," \
  "$([ "$before" = "$(stat -c %i "$folder/file")" ] && echo the same || echo another) file behind it: $(cat "$folder/file")"
