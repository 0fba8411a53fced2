#!/bin/sh
# The sample job: counts the words of each input, and sorts its lines.
# Called as a ds plugin is: the last two words are the directory of the inputs and that of the outputs.
# Needs a POSIX shell, mkdir, sort and wc.
set -eu
export LC_ALL=C
inputs=$1
outputs=$2
for file in "$inputs"/*.txt "$inputs"/*/*.txt; do
    [ -f "$file" ] || continue
    name=${file#"$inputs"/}
    case $name in */*) mkdir -p "$outputs/${name%/*}" ;; esac
    sort "$file" >"$outputs/${name%.txt}.sorted.txt"
    words=$(($(wc -w <"$file")))
    echo "$words $name" >>"$outputs/words.txt"
    echo "$name: $words words"
done
