//! Metrics as a real Prometheus sees them, and what is shipped for it: rules and a dashboard.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    daemon::{Daemon, fragments},
    hooks::tcx_programs,
    network::{in_namespace, ip, send, wait_until},
};

/// A Prometheus that runs.
struct Prometheus(Child);

impl Prometheus {
    /// Starts one that scrapes natdiag and evaluates the rules every second.
    fn start(folder: &Path) -> Self {
        let config = folder.join("prometheus.yml");
        let rules = deploy("prometheus/natdiag.rules.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n\
             - job_name: natdiag\n  \
               basic_auth: {{username: scraper, password: secret}}\n  \
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
fn page(path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9435").unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// Every query of the dashboard, with its variables set.
fn dashboard_queries() -> Vec<String> {
    let text = fs::read_to_string(deploy("grafana/natdiag.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| {
            target["expr"]
                .as_str()
                .unwrap()
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
             metrics = '127.0.0.1:9435'\nmetrics-password = '{}'",
            password.display()
        ));
        wait_until("natdiag to attach", || tcx_programs("v0") == 2);
        let prometheus = Prometheus::start(folder.path());
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
