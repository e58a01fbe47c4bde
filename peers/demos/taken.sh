#!/bin/sh
# VIS-03, CON-02, PWR-04: another file has the temp's name; then the target itself has it as a second name, as after a
# power cut. Usage: taken.sh MANIFEST NAME, for example: taken.sh peers/python/boltons.toml status.json.part
replace="python3 $(dirname "$0")/replace.py $1"
folder=$(mktemp -d)
printf old > "$folder/status.json" && printf another > "$folder/$2"
echo "another program's file: $(printf new | $replace "$folder/status.json" | sed "s|$folder|D|g" | cut -c 1-100)"
echo "  it is $([ -e "$folder/$2" ] && cat "$folder/$2" || echo gone); the target: $(cat "$folder/status.json")"
rm -f "$folder/$2"
printf old > "$folder/status.json" && ln "$folder/status.json" "$folder/$2" && ln "$folder/status.json" "$folder/witness"
echo "the target's second name: $(printf new | $replace "$folder/status.json" | sed "s|$folder|D|g" | cut -c 1-100)"
echo "  the old file, which nothing may change: $(cat "$folder/witness"); the target: $(cat "$folder/status.json")"
