#!/bin/sh
# MET-03, MET-07, MET-09, MET-10: an owner, a missing folder, a read-only one, a mounted target; as root.
# Usage: folders.sh MANIFEST
replace="python3 $(dirname "$0")/replace.py $1"
folder=$(mktemp -d)
printf old > "$folder/owned" && chown daemon:daemon "$folder/owned"
echo "a target of daemon:daemon: $(printf new | $replace "$folder/owned" | cut -c 1-100)"
echo "  it belongs to $(stat -c %U:%G "$folder/owned")"
echo "a missing folder: $(printf new | $replace "$folder/missing/status.json" | sed "s|$folder|D|g" | cut -c 1-100)"
echo "  it is $([ -e "$folder/missing" ] && echo there || echo missing)"
mkdir "$folder/closed" && printf old > "$folder/closed/status.json" && chmod 0666 "$folder/closed/status.json"
chmod 0500 "$folder/closed"
user="setpriv --bounding-set=-dac_override,-dac_read_search,-fowner"
echo "a read-only folder: $(printf new | $user $replace "$folder/closed/status.json" | sed "s|$folder|D|g" | cut -c 1-100)"
echo "  the target: $(cat "$folder/closed/status.json")"
printf old > "$folder/mounted"
echo "a mounted target: $(printf new | unshare --mount sh -c "mount --bind $folder/mounted $folder/mounted && $replace $folder/mounted" |
  sed "s|$folder|D|g" | cut -c 1-100)"
echo "  the target: $(cat "$folder/mounted")"
