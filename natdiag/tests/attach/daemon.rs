//! `natdiag daemon` as a process: interfaces that come and go, its configuration, its events, and what it tells
//! systemd.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use natdiag_common::testkit::{CLIENT, Payload as _, SERVER, udp};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    form,
    hooks::{BY_TCX, tcx_programs, wait_for_tcx_programs},
    network::{in_namespace, ip, send, wait_until},
};

const NATDIAG: &str = env!("CARGO_BIN_EXE_natdiag");

/// A daemon that runs, in a folder of its own.
pub(crate) struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts one with this configuration, in which `FOLDER` stands for its folder.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with(config, |_| ())
    }

    pub(crate) fn start_with(config: &str, amend: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Also for the user as whom it may go on.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        write_config(folder.path(), config);
        let child = spawn(folder.path(), amend);
        Self { child, folder }
    }

    /// Starts another one in the same folder, in the place of one that has ended.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), |_| ());
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn configure(&self, config: &str) {
        write_config(self.folder.path(), config);
        self.signal(Signal::SIGHUP);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn logs(&self, text: &str) -> bool {
        self.log().contains(text)
    }

    /// All events so far, of all files. Each has the form of its schema.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.path().join("findings"))
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort();
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        texts
            .flat_map(|text| {
                // The last line may be on its way.
                let lines = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
                let events = lines.map(|line| form::read(line.as_bytes()));
                events.collect::<Vec<Value>>()
            })
            .collect()
    }

    /// Events of this kind.
    pub(crate) fn events_of(&self, kind: &str) -> Vec<Value> {
        let mut events = self.events();
        events.retain(|event| event["event"] == kind);
        events
    }

    /// Ends it, and says its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits for its end, and says its exit code. All its events have the form of their schema then.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        self.events();
        status.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, amend: impl FnOnce(&mut Command)) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    let mut command = Command::new(NATDIAG);
    command
        .args(["daemon", "--config"])
        .arg(folder.join("natdiag.toml"))
        .stderr(log.unwrap())
        .stdout(Stdio::null());
    amend(&mut command);
    command.spawn().unwrap()
}

fn write_config(folder: &Path, config: &str) -> PathBuf {
    let file = folder.join("natdiag.toml");
    let text = config.replace("FOLDER", &folder.display().to_string());
    fs::write(&file, text).unwrap();
    file
}

/// Fragments of datagrams, as a server sends them.
pub(crate) fn fragments() -> Vec<Vec<u8>> {
    fragments_from(SERVER)
}

/// Fragments of datagrams, as this server sends them.
pub(crate) fn fragments_from(server: Ipv4Addr) -> Vec<Vec<u8>> {
    (0..50)
        .flat_map(|identification| {
            let datagram = udp().data_len(1472).in_ipv4(server, CLIENT);
            let datagram = datagram.identification(identification);
            [
                datagram.clone().first_fragment().frame(),
                datagram.later_fragment(1480).frame(),
            ]
        })
        .collect()
}

#[test]
fn interfaces_come_and_go_and_the_last_of_each_is_told() {
    in_namespace(
        "interfaces_come_and_go_and_the_last_of_each_is_told",
        || {
            let mut daemon = Daemon::start(
                "interface = ['v0', 'wan*', '192.0.2.0/24']\nexclude = ['wan9']\nfindings = 'FOLDER/findings'\ninterval = '100ms'",
            );
            wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
            ip("link add wan0 type veth peer name wan9");
            wait_until("natdiag to attach to wan0", || {
                tcx_programs("wan0") == BY_TCX
            });
            wait_for_tcx_programs("wan9", 0);
            // By the network of an address that comes later than the interface.
            ip("link add c0 type veth peer name c1");
            ip("address add 192.0.2.7/24 dev c0");
            wait_until("natdiag to attach to c0", || tcx_programs("c0") == BY_TCX);
            ip("address del 192.0.2.7/24 dev c0");
            wait_until("natdiag to let c0 go", || tcx_programs("c0") == 0);
            send(&fragments());
            wait_until("a finding", || {
                !daemon.events_of("finding-appeared").is_empty()
            });
            let [appeared] = daemon.events_of("finding-appeared").try_into().unwrap();
            assert_eq!(appeared["finding"]["cause"], "udp-fragmentation");
            assert_eq!(appeared["address"], SERVER.to_string());
            assert_eq!(appeared["interface"], "v0");
            ip("link set wan0 name lan0");
            wait_until("natdiag to let wan0 go", || tcx_programs("lan0") == 0);
            ip("link del v0");
            wait_until("natdiag to miss v0", || {
                daemon.events_of("interface-released").len() == 3
            });
            wait_until("the finding to end", || {
                !daemon.events_of("finding-ended").is_empty()
            });
            let released = &daemon.events_of("interface-released")[2];
            assert_eq!(released["interface"], "v0");
            assert_eq!(released["report"]["schema"], "natdiag.report/1");
            let counters = &released["report"]["remotes"][0]["counters"];
            assert_eq!(counters["fragments_udp"], 100);
            let ended = &daemon.events_of("finding-ended")[0];
            assert_eq!(ended["number"], appeared["number"]);
            assert_eq!(ended["why"], "interface-released");
            // It comes back with its name.
            ip("link add v0 type veth peer name v1");
            wait_until("natdiag to attach anew", || tcx_programs("v0") == BY_TCX);
            assert_eq!(daemon.end(), Some(0));
            wait_for_tcx_programs("v0", 0);
            let kinds: Vec<_> = daemon
                .events()
                .iter()
                .map(|event| event["event"].clone())
                .collect();
            assert_eq!(kinds.first().unwrap(), "started");
            assert_eq!(kinds.last().unwrap(), "stopped");
        },
    );
}

#[test]
fn a_reload_keeps_what_was_counted_and_a_broken_file_changes_nothing() {
    in_namespace(
        "a_reload_keeps_what_was_counted_and_a_broken_file_changes_nothing",
        || {
            ip("link add w0 type veth peer name w1");
            let rest = "findings = 'FOLDER/findings'\ninterval = '100ms'";
            let mut daemon = Daemon::start(&format!("interface = ['v0']\n{rest}"));
            wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
            send(&fragments());
            wait_until("a finding", || {
                !daemon.events_of("finding-appeared").is_empty()
            });
            daemon.configure("interface = ['w0']\nintervall = '1s'");
            wait_until("natdiag to refuse the file", || {
                daemon.logs("the configuration stays as it was")
            });
            assert!(
                daemon.logs("line 2: `intervall = '1s'`: unknown field `intervall`"),
                "{}",
                daemon.log()
            );
            assert_eq!((tcx_programs("v0"), tcx_programs("w0")), (BY_TCX, 0));
            daemon.configure(&format!(
                "interface = ['v0', 'w0']\nhook = 'clsact'\n{rest}"
            ));
            wait_until("natdiag to take the file", || {
                daemon.logs("the configuration was read again")
            });
            wait_until("natdiag to attach to w0", || {
                crate::hooks::filters("w0") == 2
            });
            wait_for_tcx_programs("v0", BY_TCX);
            send(&fragments());
            assert_eq!(daemon.end(), Some(0));
            let released = daemon.events_of("interface-released");
            let counters = &released[0]["report"]["remotes"][0]["counters"];
            assert_eq!(counters["fragments_udp"], 200);
            assert_eq!(daemon.events_of("finding-appeared").len(), 1);
        },
    );
}

#[test]
fn systemd_is_told_how_things_stand() {
    in_namespace("systemd_is_told_how_things_stand", || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let next = |wanted: &str| {
            let mut buffer = [0; 1024];
            loop {
                let len = socket
                    .recv(&mut buffer)
                    .unwrap_or_else(|error| panic!("{wanted}: {error}"));
                let message = String::from_utf8(buffer[..len].to_vec()).unwrap();
                if message.contains(wanted) {
                    return message;
                }
            }
        };
        let mut daemon = Daemon::start_with("interface = ['v0', 'w0']", |command| {
            command
                .env("NOTIFY_SOCKET", &path)
                .env("WATCHDOG_USEC", "200000");
        });
        let ready = next("READY=1");
        assert!(ready.contains("STATUS=watching v0; no finding"), "{ready}");
        next("WATCHDOG=1");
        assert!(
            daemon.logs("no interface matches yet pattern=w0"),
            "{}",
            daemon.log()
        );
        daemon.signal(Signal::SIGHUP);
        assert!(next("RELOADING=1").contains("MONOTONIC_USEC="));
        next("READY=1");
        daemon.signal(Signal::SIGTERM);
        next("STOPPING=1");
        assert_eq!(daemon.wait(), Some(0));
    });
}

#[test]
fn a_configuration_is_checked_without_privileges() {
    let folder = tempfile::tempdir().unwrap();
    for (text, code, want) in [
        ("interface = ['eth0']\n", 0, ""),
        (
            "\nhook = 'ebpf'\n",
            2,
            "is not valid: line 2: `hook = 'ebpf'`: it is none of `auto`, `xdp`",
        ),
        (
            "metrics-remotes = 3\n",
            2,
            "`metrics-remotes` means something only with `metrics`",
        ),
        ("user = 'nosuchuser'\n", 2, "nosuchuser"),
    ] {
        let file = write_config(folder.path(), text);
        let output = Command::new(NATDIAG)
            .args(["daemon", "--check"])
            .arg(&file)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}: {stderr}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.contains("is valid"), code == 0, "{text}: {said}");
        assert!(stderr.contains(want), "{stderr}");
    }
}

#[test]
fn an_interface_that_cannot_be_watched_ends_the_start() {
    in_namespace("an_interface_that_cannot_be_watched_ends_the_start", || {
        let created = Command::new("ip")
            .args(["link", "add", "s0", "type", "sit", "remote", "192.0.2.1"])
            .output()
            .unwrap();
        if !created.status.success() {
            println!(
                "SKIP an_interface_that_cannot_be_watched_ends_the_start: this kernel has no SIT tunnels"
            );
            return;
        }
        let mut daemon = Daemon::start("interface = ['s0']");
        assert_eq!(daemon.wait(), Some(2));
        assert!(daemon.logs("device type 776"), "{}", daemon.log());
    });
}
