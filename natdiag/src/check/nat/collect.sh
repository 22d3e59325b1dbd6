#!/bin/sh
# Collects what `natdiag check nat --root DIR` reads. Changes nothing; rules and connections need root.
# Usage: sh collect.sh [DIR [SECONDS]]
set -u

dir=${1:-natdiag-nat}
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
PATH=$PATH:/usr/sbin:/sbin

# keep SOURCE TARGET
keep() {
    [ -r "$1" ] && [ ! -d "$1" ] || return 0
    mkdir -p "$dir/${2%/*}"
    cat "$1" >"$dir/$2" 2>/dev/null || rm -f "$dir/$2"
}

# say TARGET PROGRAM [ARGUMENT]...: what a program prints, where it is there and may.
say() {
    target=$dir/$1
    shift
    command -v "$1" >/dev/null 2>&1 || return 0
    "$@" >"$target" 2>/dev/null || rm -f "$target"
}

# keep_counters PREFIX
keep_counters() {
    for file in netstat softnet_stat stat/nf_conntrack; do
        keep "/proc/net/$file" "${1}proc/net/$file"
    done
    keep /proc/sys/net/netfilter/nf_conntrack_count "${1}proc/sys/net/netfilter/nf_conntrack_count"
    for link in /sys/class/net/*; do
        for file in rx_missed_errors rx_fifo_errors rx_dropped rx_errors tx_dropped tx_errors; do
            keep "$link/statistics/$file" "${1}${link#/}/statistics/$file"
        done
        [ -e "$link/device" ] || continue
        mkdir -p "$dir/${1}ethtool"
        say "${1}ethtool/${link##*/}" ethtool -S "${link##*/}"
    done
}

umask 077
mkdir -p "$dir/later" || exit 2
date -u '+%Y-%m-%dT%H:%M:%SZ' >"$dir/collected"
keep_counters ''
sleep "$seconds"
keep_counters later/
echo "$seconds" >"$dir/later/seconds"

for file in kernel/osrelease net/ipv4/ip_forward net/ipv4/ip_local_port_range; do
    keep "/proc/sys/$file" "proc/sys/$file"
done
for file in /proc/sys/net/netfilter/nf_conntrack_* /proc/sys/net/ipv4/conf/*/rp_filter /sys/class/net/*/mtu; do
    keep "$file" "${file#/}"
done
for file in dev route nf_conntrack; do
    keep "/proc/net/$file" "proc/net/$file"
done
say nft.json nft -j list ruleset
say iptables-save iptables-save
say iptables-legacy-save iptables-legacy-save
echo "collect.sh: \`natdiag check nat --root $dir\` reads it" >&2
