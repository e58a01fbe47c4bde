#!/bin/sh
# MET-05: a name that is not ASCII, as cron and systemd start programs. Usage: locale.sh MANIFEST
folder=$(mktemp -d)
printf new | LC_ALL=C PYTHONUTF8=1 python3 "$(dirname "$0")/replace.py" "$1" "$folder/статус.json"
ls "$folder"
