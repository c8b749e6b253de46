#!/bin/sh
# record.sh [-c] [NAME...]
#
# Records what the real kernel answers: builds each probe of probes/ and writes
# expected/NAME.txt, and runs each file of scripts/ and writes
# scripts/expected/NAME.txt. The first line of a file names the kernel. With -c it
# compares with what is there instead and fails when something differs. Needs a C
# compiler that can link statically, and once before: oracle/setup.sh.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
cache=${ORACLE_CACHE:-./.oracle-cache}
cc="${CC:-cc} -O1 -Wall -Wextra -static -pthread"
check=
if [ "${1:-}" = -c ]; then
    check=1
    shift
fi
if [ $# = 0 ]; then
    for f in "$here"/probes/*.c "$here"/scripts/*.script; do
        f=${f##*/}
        set -- "$@" "${f%.*}"
    done
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
for name in "$@"; do
    if [ -f "$here/probes/$name.c" ]; then
        expected=$here/expected/$name.txt
        $cc -o "$work/program" "$here/probes/$name.c"
        set_up=
    else
        expected=$here/scripts/expected/$name.txt
        $cc -o "$work/program" "$here/scripts/interpreter.c"
        set_up="-f $here/scripts/$name.script"
    fi
    {
        printf '# Linux %s\n' "$(cat "$cache/release")"
        # shellcheck disable=SC2086
        if [ -n "$set_up" ]; then
            "$here/oracle/run.sh" -t 300 $set_up "$work/program" "/job/$name.script"
        else
            "$here/oracle/run.sh" "$work/program"
        fi
    } >"$work/$name.txt"
    if [ -z "$check" ]; then
        mkdir -p "${expected%/*}"
        cp "$work/$name.txt" "$expected"
    elif cmp -s "$expected" "$work/$name.txt"; then
        echo "same: $name"
    else
        echo "differs: $name"
        diff "$expected" "$work/$name.txt" | head -n 40 || true
        bad=1
    fi
done
exit $bad
