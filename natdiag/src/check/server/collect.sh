#!/bin/sh
# Collects what `natdiag check server --root DIR` reads. Changes nothing; needs no privileges.
# Usage: sh collect.sh [DIR [SECONDS]]
set -u

dir=${1:-natdiag-server}
seconds=${2:-10}

case $dir in
-*) echo "usage: sh collect.sh [DIR [SECONDS]]" >&2; exit 2 ;;
esac
case $seconds in
'' | *[!0-9]*) echo "collect.sh: \`$seconds\` is no number of seconds" >&2; exit 2 ;;
esac
if [ -e "$dir" ]; then
    echo "collect.sh: \`$dir\` is there already; name another folder" >&2
    exit 2
fi

# keep SOURCE TARGET
keep() {
    [ -r "$1" ] && [ ! -d "$1" ] || return 0
    mkdir -p "$dir/${2%/*}"
    cat "$1" >"$dir/$2" 2>/dev/null || rm -f "$dir/$2"
}

# keep_link SOURCE TARGET: where a link leads, as text. POSIX has no readlink.
keep_link() {
    link=$(ls -l "$1" 2>/dev/null) || return 0
    case $link in
    *' -> '*) mkdir -p "$dir/${2%/*}" && echo "${link##* -> }" >"$dir/$2" ;;
    esac
}

# keep_counters TARGET
keep_counters() {
    for file in netstat snmp sockstat; do
        keep "/proc/net/$file" "$1/$file"
    done
}

mkdir -p "$dir/later" || exit 2
date -u '+%Y-%m-%dT%H:%M:%SZ' >"$dir/collected"
keep_counters proc/net
sleep "$seconds"
keep_counters later/proc/net
echo "$seconds" >"$dir/later/seconds"

for setting in tcp_tw_recycle tcp_tw_reuse tcp_timestamps; do
    keep "/proc/sys/net/ipv4/$setting" "proc/sys/net/ipv4/$setting"
done
# Only the namespace of the host has the second of these.
for file in kernel/osrelease net/core/netdev_max_backlog; do
    keep "/proc/sys/$file" "proc/sys/$file"
done
for process in self 1; do
    for kind in net pid; do
        keep_link "/proc/$process/ns/$kind" "proc/$process/ns/$kind"
    done
done
keep /etc/sysctl.conf etc/sysctl.conf
for folder in etc run usr/local/lib usr/lib lib; do
    for file in "/$folder/sysctl.d"/*.conf; do
        keep "$file" "${file#/}"
    done
done
echo "collect.sh: \`natdiag check server --root $dir\` reads it" >&2
