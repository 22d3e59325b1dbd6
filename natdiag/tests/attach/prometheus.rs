//! Metrics as a real Prometheus sees them, and what is shipped for it: rules and a dashboard.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    daemon::{Daemon, fragments},
    hooks::{BY_TCX, tcx_programs},
    network::{in_namespace, ip, send, wait_until},
};

/// A Prometheus that runs.
struct Prometheus(Child);

impl Prometheus {
    /// Starts one that scrapes natdiag and evaluates the rules every second. `access` says how it gets metrics.
    fn start(folder: &Path, access: &str) -> Self {
        let config = folder.join("prometheus.yml");
        let rules = deploy("prometheus/natdiag.rules.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n\
             - job_name: natdiag\n  \
               {access}\n  \
               static_configs: [{{targets: ['127.0.0.1:9435']}}]\n",
            rules.display()
        );
        fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:9090")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("prometheus.log")).unwrap())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What a query gives, a line per sample.
    fn query(expression: &str) -> Result<Vec<String>, String> {
        let output = promtool(
            &["query", "instant", "http://127.0.0.1:9090", expression],
            "",
        );
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        Ok(text
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(file)
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What reads no input has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn is_there(program: &str, test: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("SKIP {test}: {program} is not installed");
    }
    found
}

/// The body of a page of natdiag.
pub(crate) fn page(path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9435").unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// Every query of the dashboard and of its variables, with the variables set.
fn dashboard_queries() -> Vec<String> {
    let text = fs::read_to_string(deploy("grafana/natdiag.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let selectors = variables.filter_map(|variable| {
        let query = variable["definition"]
            .as_str()?
            .strip_prefix("label_values(")?;
        query.rsplit_once(", ").map(|(selector, _)| selector)
    });
    targets
        .map(|target| target["expr"].as_str().unwrap())
        .chain(selectors)
        .map(|query| {
            query
                .replace("$instance", ".*")
                .replace("$interface", ".*")
                .replace("$__rate_interval", "1m")
        })
        .collect()
}

#[test]
fn prometheus_scrapes_and_every_query_of_the_dashboard_has_an_answer() {
    const NAME: &str = "prometheus_scrapes_and_every_query_of_the_dashboard_has_an_answer";
    if !is_there("prometheus", NAME) {
        return;
    }
    in_namespace(NAME, || {
        ip("link set lo up");
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "scraper:secret\n").unwrap();
        let mut daemon = Daemon::start(&format!(
            "interface = ['v0']\ninterval = '200ms'\nfindings = 'FOLDER/findings'\n\
             metrics = '127.0.0.1:9435'\nmetrics-password = '{}'\nmeasure-cost = true",
            password.display()
        ));
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        let access = "basic_auth: {username: scraper, password: secret}";
        let prometheus = Prometheus::start(folder.path(), access);
        send(&fragments());
        wait_until("a finding", || {
            !daemon.events_of("finding-appeared").is_empty()
        });
        assert_eq!(page("/healthz", ""), "ok\n");
        assert_eq!(page("/readyz", ""), "ok\n");
        assert_eq!(page("/metrics", ""), "name and password, please\n");
        // "scraper:secret" in Base64.
        let known = "Authorization: Basic c2NyYXBlcjpzZWNyZXQ=\r\n";
        wait_until("metrics about the finding", || {
            page("/metrics", known).contains("cause=\"udp-fragmentation\"} 1")
        });
        let metrics = page("/metrics", known);
        assert!(
            metrics.contains("natdiag_packets_total{interface=\"v0\",direction=\"ingress\"} 100\n"),
            "{metrics}"
        );
        let checked = promtool(&["check", "metrics"], &metrics);
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(
            checked.status.success() && said.is_empty(),
            "{said}\n{metrics}"
        );
        wait_until("Prometheus to count the fragments", || {
            Prometheus::query("natdiag_remote_fragments_total{protocol='udp'} == 100")
                .is_ok_and(|samples| samples.len() == 1)
        });
        wait_until("the kernel to measure a program", || {
            send(&fragments());
            Prometheus::query("natdiag_bpf_run_seconds_total{program='natdiag_tc_in'} > 0")
                .is_ok_and(|samples| samples.len() == 1)
        });
        for query in dashboard_queries() {
            let mut last = Err("not asked".to_owned());
            wait_until(&format!("an answer to `{query}`"), || {
                last = Prometheus::query(&query);
                last.as_ref().is_ok_and(|samples| !samples.is_empty())
            });
        }
        drop(prometheus);
        assert_eq!(daemon.end(), Some(0));
    });
}

/// Writes a new certificate for `localhost`, signed by itself, and its key.
fn certify(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, label, der) in [
        ("certificate", "CERTIFICATE", made.cert.der().to_vec()),
        ("key", "PRIVATE KEY", made.signing_key.serialize_der()),
    ] {
        let text = BASE64_STANDARD.encode(der);
        let text = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn prometheus_scrapes_by_tls_and_a_new_certificate_needs_no_restart() {
    const NAME: &str = "prometheus_scrapes_by_tls_and_a_new_certificate_needs_no_restart";
    if !is_there("prometheus", NAME) {
        return;
    }
    in_namespace(NAME, || {
        ip("link set lo up");
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let trusted = folder.path().join("trusted");
        let certificate = folder.path().join("certificate");
        fs::copy(&certificate, &trusted).unwrap();
        let here = folder.path().display();
        let mut daemon = Daemon::start(&format!(
            "interface = ['v0']\ninterval = '200ms'\nmetrics = '127.0.0.1:9435'\n\
             metrics-certificate = '{here}/certificate'\nmetrics-key = '{here}/key'"
        ));
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        let access = format!(
            "scheme: https\n  tls_config: {{ca_file: '{here}/trusted', server_name: localhost}}"
        );
        let prometheus = Prometheus::start(folder.path(), &access);
        let is_up = |up: u8| {
            Prometheus::query(&format!("up == {up}")).is_ok_and(|samples| samples.len() == 1)
        };
        wait_until("Prometheus to scrape", || is_up(1));
        let before = fs::read(&certificate).unwrap();
        let key = fs::read(folder.path().join("key")).unwrap();
        certify(folder.path());
        daemon.signal(Signal::SIGHUP);
        wait_until("Prometheus to meet a stranger", || is_up(0));
        fs::write(&certificate, "no certificate\n").unwrap();
        daemon.signal(Signal::SIGHUP);
        wait_until("natdiag to refuse the file", || {
            daemon.logs("certificate` (`metrics-certificate`) holds no certificate")
        });
        fs::write(&certificate, before).unwrap();
        fs::write(folder.path().join("key"), key).unwrap();
        daemon.signal(Signal::SIGHUP);
        wait_until("Prometheus to scrape again", || is_up(1));
        drop(prometheus);
        assert_eq!(daemon.end(), Some(0));
    });
}

#[test]
fn the_rules_are_sound_and_say_what_they_should() {
    const NAME: &str = "the_rules_are_sound_and_say_what_they_should";
    if !is_there("promtool", NAME) {
        return;
    }
    for (command, file) in [
        ("check", "prometheus/natdiag.rules.yml"),
        ("test", "prometheus/natdiag.test.yml"),
    ] {
        let file = deploy(file);
        let output = promtool(&[command, "rules", file.to_str().unwrap()], "");
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}
