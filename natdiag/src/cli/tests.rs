use clap::CommandFactory;

use super::*;
use crate::config::{ConfigError, ReplayConfig, WatchConfig};

#[test]
fn help_teaches() {
    Cli::command().debug_assert();
    for path in [
        &[][..],
        &["watch"],
        &["daemon"],
        &["replay"],
        &["check"],
        &["check", "attach"],
        &["check", "server"],
        &["completions"],
        &["man"],
        &["probe", "timestamps"],
        &["probe", "fragments"],
    ] {
        let mut command = Cli::command();
        command.build();
        for name in path {
            command = command.find_subcommand(name).unwrap().clone();
        }
        let name = [&["help"], path].concat().join("_");
        insta::assert_snapshot!(name, command.render_long_help());
    }
}

#[test]
fn help_fits_a_hundred_columns() {
    let mut root = Cli::command();
    root.build();
    let pages = root.get_subcommands().cloned().chain([root.clone()]);
    for mut page in pages {
        let help = page.render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn watch_takes_its_defaults_from_the_contract() {
    let config = watch(&[]).unwrap();
    assert!(config.interfaces.is_empty());
    assert_eq!(config.hook, HookChoice::Auto);
    assert_eq!(config.duration, None);
    assert_eq!(config.interval, Duration::from_secs(1));
    assert_eq!(config.top, Top::Busiest(1000));
}

#[test]
fn watch_takes_what_is_typed() {
    let config = watch(&[
        "-i",
        "eth0",
        "-i",
        "eth1",
        "--duration",
        "1h30m",
        "--interval",
        "250ms",
        "--hook",
        "xdp-generic",
        "--top",
        "all",
    ])
    .unwrap();
    assert_eq!(config.interfaces, ["eth0", "eth1"]);
    assert_eq!(config.hook, HookChoice::XdpGeneric);
    assert_eq!(config.duration, Some(Duration::from_mins(90)));
    assert_eq!(config.interval, Duration::from_millis(250));
    assert_eq!(config.top, Top::All);
}

#[test]
fn interface_named_twice_is_refused() {
    let error = watch(&["-i", "eth0", "-i", "lo", "-i", "eth0"]).unwrap_err();
    assert_eq!(error, ConfigError::InterfaceTwice("eth0".to_owned()));
}

#[test]
fn replay_takes_what_is_typed() {
    let config = replay(&[
        "a.pcap",
        "-",
        "--local",
        "10.0.0.0/8",
        "--local",
        "2001:db8::/32",
        "--top",
        "0",
    ])
    .unwrap();
    assert_eq!(config.files, [PathBuf::from("a.pcap"), PathBuf::from("-")]);
    assert_eq!(config.local.len(), 2);
    assert_eq!(config.top, Top::Busiest(0));
}

#[test]
fn standard_input_is_read_once_only() {
    assert_eq!(
        replay(&["-", "a.pcap", "-"]).unwrap_err(),
        ConfigError::StandardInputTwice
    );
}

#[test]
fn interval_of_a_capture_wants_lines() {
    let error = replay(&["a.pcap", "--interval", "1s"]).unwrap_err();
    assert_eq!(error, ConfigError::IntervalWithoutLines);
    let config = replay(&["a.pcap", "--interval", "1s", "-o", "jsonl"]).unwrap();
    assert_eq!(config.interval, Some(Duration::from_secs(1)));
}

#[test]
fn wrong_values_are_usage_errors_that_name_the_value() {
    for (typed, says) in [
        (&["watch", "--duration", "20"][..], "write `20s`"),
        (&["watch", "--interval", "0s"], "longer than nothing"),
        (&["watch", "--top", "many"], "neither a number nor `all`"),
        (
            &["watch", "--hook", "tc"],
            "[possible values: auto, xdp, tcx, clsact, xdp-generic]",
        ),
        (
            &["watch", "--output", "xml"],
            "[possible values: tui, text, json, jsonl, markdown]",
        ),
        (&["replay"], "<FILE>..."),
    ] {
        let error = parse(typed).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{typed:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

fn parse(typed: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["natdiag"].iter().chain(typed))
}

fn watch(typed: &[&str]) -> Result<WatchConfig, ConfigError> {
    let parsed = parse(&[&["watch"], typed].concat()).unwrap();
    let Command::Watch(args) = parsed.command else {
        panic!("parsed as {parsed:?}")
    };
    (&args).try_into()
}

fn replay(typed: &[&str]) -> Result<ReplayConfig, ConfigError> {
    let parsed = parse(&[&["replay"], typed].concat()).unwrap();
    let Command::Replay(args) = parsed.command else {
        panic!("parsed as {parsed:?}")
    };
    (&args).try_into()
}
