#!/bin/sh
# MET-01, MET-02, MET-11: who may read and run the target afterwards. As root, with setfacl. Usage: access.sh MANIFEST
# The library runs without CAP_FSETID, as for every other user: a write then clears the set-user-id bits (write(2)).
folder=$(mktemp -d)
replace() {
  printf new | setpriv --bounding-set=-fsetid python3 "$(dirname "$0")/replace.py" "$1" "$2"
}
for mode in 0600 0640 4711 2751; do
  printf old > "$folder/$mode" && chmod "$mode" "$folder/$mode"
  answer=$(replace "$1" "$folder/$mode")
  echo "$mode becomes $(stat -c %04a "$folder/$mode") ($answer)"
done
for umask in 0022 0000; do
  answer=$(umask "$umask" && replace "$1" "$folder/new-$umask")
  echo "a new file under the umask $umask: $(stat -c %04a "$folder/new-$umask") ($answer)"
done
for list in u:daemon:r u:daemon:-; do
  printf old > "$folder/list" && chmod 0600 "$folder/list"
  [ "$list" = u:daemon:- ] && chmod 0644 "$folder/list"
  setfacl -b -m "$list" "$folder/list"
  before=$(getfacl -cpE "$folder/list" | tr '\n' ' ')
  answer=$(replace "$1" "$folder/list")
  echo "$before becomes $(getfacl -cpE "$folder/list" | tr '\n' ' ')($answer)"
done
mkdir "$folder/shared" && setfacl -d -m u:daemon:rw "$folder/shared"
answer=$(replace "$1" "$folder/shared/new")
printf new > "$folder/shared/plain"
echo "a new file where daemon may write by default: $(getfacl -cpE "$folder/shared/new" | tr '\n' ' ')($answer)"
echo "and one that the shell makes there:           $(getfacl -cpE "$folder/shared/plain" | tr '\n' ' ')"
