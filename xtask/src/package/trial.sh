#!/bin/sh
# Runs inside a Debian with systemd of its own: what the package promises, from its installation to its purge.
set -eu

say() { echo "trial: $*"; }
fail() { say "FAILED: $*"; exit 1; }
# Waits up to 20 s for a command to succeed.
wait_for() {
    for _ in $(seq 200); do
        if "$@" > /dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "waited 20 s for: $*"
}
# Programs in the kernel that the user natdiag has loaded: others may run natdiag on this kernel as well.
programs() { bpftool --json prog show | grep -o "\"uid\":$(id -u natdiag)," | wc -l; }
no_programs() { [ "$(programs)" = 0 ]; }
attached() { [ "$(programs)" -ge 2 ]; }
# With a saved state, programs stay for the next start until they are detached.
detach() { if mountpoint -q /run/natdiag; then natdiag detach --all --pin /run/natdiag; fi; }
answers() { bash -c "exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET $2 HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3 | grep -q ' 200 '"; }
runs_as_another() { [ "$(property natdiag MainPID)" != "$pid" ] && systemctl --quiet is-active natdiag; }
property() { systemctl show --value --property "$2" "$1"; }

ip link set host0 up
say "installing"
dpkg --install /trial/natdiag.deb
[ "$(systemctl is-enabled natdiag || true)" = disabled ] || fail "the service is enabled before anybody asked for it"
id natdiag > /dev/null || fail "there is no user natdiag"
for page in natdiag natdiag-watch natdiag-daemon natdiag-check-server; do
    [ -e "/usr/share/man/man8/$page.8.gz" ] || fail "there is no manual page $page"
done
natdiag daemon --check /etc/natdiag/natdiag.toml

say "starting natdiag.service"
sed -i 's/^#interface = .*/interface = ["host0"]/' /etc/natdiag/natdiag.toml
systemctl start natdiag
attached || fail "the service is active, and nothing is attached"
pid=$(property natdiag MainPID)
grep -E '^(Uid|Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):' "/proc/$pid/status"
[ "$(stat -c %U "/proc/$pid")" = natdiag ] || fail "the service runs as $(stat -c %U "/proc/$pid")"
say "status: $(property natdiag StatusText)"
wait_for answers 9435 /readyz
wait_for answers 9435 /metrics
wait_for test -s /var/lib/natdiag/findings/findings.jsonl
systemctl reload natdiag
[ "$(property natdiag MainPID)" = "$pid" ] || fail "a reload started it anew"
systemctl kill --signal KILL natdiag
wait_for runs_as_another
attached || fail "it was started again after a kill, and nothing is attached"
say "$(systemd-analyze security --no-pager natdiag.service | tail -n 1)"
systemctl stop natdiag
detach
wait_for no_programs

say "starting natdiag@host0.service"
sed 's#/var/lib/natdiag/#/var/lib/natdiag/host0/#; s/:9435/:9436/; s/^interface/#interface/' \
    /etc/natdiag/natdiag.toml > /etc/natdiag/host0.toml
systemctl start natdiag@host0
attached || fail "the template is active, and nothing is attached"
wait_for answers 9436 /readyz
wait_for test -s /var/lib/natdiag/host0/findings/findings.jsonl
say "status: $(property natdiag@host0 StatusText)"
journalctl --no-pager --quiet --output cat --priority warning --unit 'natdiag*' | sed 's/^/journal: /'

say "removing while a service runs"
systemctl stop natdiag@host0
detach
systemctl start natdiag
attached || fail "nothing is attached"
dpkg --remove natdiag
no_programs || fail "$(programs) programs are left after removal"
pinned=$(find /run/natdiag /sys/fs/bpf -mindepth 1 2> /dev/null || true)
[ -z "$pinned" ] || fail "something is pinned: $pinned"
[ ! -e /run/natdiag ] || fail "the file system for pins is left"
[ -z "$(tc filter show dev host0 ingress)$(tc filter show dev host0 egress)" ] || fail "a filter is left"
[ -e /etc/natdiag/natdiag.toml ] || fail "the configuration went with the removal"
rm /etc/natdiag/host0.toml
dpkg --purge natdiag
for left in /etc/natdiag /var/lib/natdiag /usr/bin/natdiag /usr/lib/systemd/system/natdiag.service \
    /lib/systemd/system/natdiag.service /usr/share/doc/natdiag; do
    [ ! -e "$left" ] || fail "$left is left after the purge"
done
say "all is well"
