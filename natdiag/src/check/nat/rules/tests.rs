//! Rules as nft 1.0.6 and iptables 1.8.9 print them.

use super::*;

fn nft(expressions: &str) -> Rules {
    nft_in("forward", expressions)
}

fn nft_in(hook: &str, expressions: &str) -> Rules {
    let text = format!(
        r#"{{"nftables": [{{"chain": {{"family": "ip", "table": "t", "name": "c", "handle": 1, "type": "filter",
            "hook": "{hook}", "prio": 0, "policy": "accept"}}}}, {{"rule": {{"family": "ip", "table": "t", "chain": "c",
            "handle": 2, "expr": [{expressions}]}}}}]}}"#
    );
    Rules::parse(Some(&text), &[])
}

fn iptables(text: &str) -> Rules {
    Rules::parse(None, &[("iptables".to_owned(), text.to_owned())])
}

const OUT: &str =
    r#"{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}}"#;
const INVALID: &str =
    r#"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}"#;

#[test]
fn masquerade_of_nftables_is_told_with_its_cure() {
    let rules = nft(&format!(r#"{OUT}, {{"masquerade": null}}"#));
    let rule = &rules.translations[0];
    assert_eq!(rule.is_random, Some(false));
    assert_eq!(rule.interface.as_deref(), Some("eth0"));
    assert_eq!(
        rule.remedy,
        "nft replace rule ip t c handle 2 oifname \"eth0\" masquerade fully-random"
    );
    for flags in [r#""fully-random""#, r#"["random", "persistent"]"#] {
        let rules = nft(&format!(r#"{{"masquerade": {{"flags": {flags}}}}}"#));
        assert_eq!(rules.translations[0].is_random, Some(true), "{flags}");
    }
    let rules = nft(
        r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}},
           {"snat": {"addr": "203.0.113.1", "port": {"range": [2000, 2999]}}}"#,
    );
    let rule = &rules.translations[0];
    assert_eq!(rule.remedy, "nft -a list chain ip t c");
    assert_eq!((rule.ports, rules.ports()), (Some(1_000), 1_000));
}

#[test]
fn only_a_rule_that_meets_all_invalid_packets_on_their_way_counts() {
    let drop = r#"{"drop": null}"#;
    let vmap = r#"{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set":
        [["established", {"accept": null}], ["invalid", {"drop": null}]]}}}"#;
    let one_sender = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
        "right": "10.0.0.1"}}"#;
    for (hook, expressions, want) in [
        ("forward", format!("{INVALID}, {drop}"), true),
        ("forward", format!("{OUT}, {INVALID}, {drop}"), true),
        ("prerouting", vmap.to_owned(), true),
        ("input", format!("{INVALID}, {drop}"), false),
        ("forward", format!("{INVALID}, {{\"accept\": null}}"), false),
        ("forward", format!("{one_sender}, {INVALID}, {drop}"), false),
        ("forward", drop.to_owned(), false),
    ] {
        assert_eq!(
            nft_in(hook, &expressions).drops_invalid,
            want,
            "{hook} {expressions}"
        );
    }
    for (line, want) in [
        ("-A FORWARD -m conntrack --ctstate INVALID -j DROP", true),
        (
            "-A FORWARD -o eth0 -p tcp -m state --state INVALID,UNTRACKED -j DROP",
            true,
        ),
        (
            "-A FORWARD -j mine\n-A mine -m conntrack --ctstate INVALID -j DROP",
            true,
        ),
        ("-A mine -m conntrack --ctstate INVALID -j DROP", false),
        ("-A INPUT -m conntrack --ctstate INVALID -j DROP", false),
        (
            "-A FORWARD -s 10.0.0.1/32 -m conntrack --ctstate INVALID -j DROP",
            false,
        ),
        ("-A FORWARD -m conntrack ! --ctstate INVALID -j DROP", false),
        (
            "-A FORWARD -p udp -m conntrack --ctstate INVALID -j DROP",
            false,
        ),
    ] {
        let rules = iptables(&format!("*filter\n:FORWARD ACCEPT [0:0]\n{line}\nCOMMIT\n"));
        assert_eq!(rules.drops_invalid, want, "{line}");
    }
}

#[test]
fn translations_of_iptables_are_told_with_their_place() {
    let rules = iptables(
        "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.0.0.0/8 -o eth0 -j MASQUERADE --random-fully\n\
         -A POSTROUTING -o eth1 -p tcp -j MASQUERADE --to-ports 1024-3023\nCOMMIT\n*mangle\n\
         -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n",
    );
    assert!(rules.clamps_mss);
    let [random, plain] = rules.translations.as_slice() else {
        panic!("{rules:?}");
    };
    assert_eq!((random.is_random, random.ports), (Some(true), None));
    assert_eq!((plain.is_random, plain.ports), (Some(false), Some(2_000)));
    assert_eq!(
        plain.remedy,
        "iptables -t nat -R POSTROUTING 2 -o eth1 -p tcp -j MASQUERADE --to-ports 1024-3023 --random-fully"
    );
    // The other rule has all of them.
    assert_eq!(rules.ports(), ALL_PORTS);
}

#[test]
fn what_iptables_wrote_is_read_of_nftables_where_nothing_else_tells() {
    let text = r#"{"xt": {"type": "target", "name": "MASQUERADE"}}"#;
    assert_eq!(nft(text).translations[0].is_random, None);
    let both = Rules::parse(
        Some(&format!(
            r#"{{"nftables": [{{"rule": {{"expr": [{text}]}}}}]}}"#
        )),
        &[("iptables".to_owned(), String::new())],
    );
    assert_eq!(both.translations, []);
}

#[test]
fn clamps_and_flowtables_are_seen_and_damaged_text_is_not_fatal() {
    let clamp = r#"{"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": {"rt": {"key": "mtu"}}}}"#;
    assert!(nft(clamp).clamps_mss);
    let table = r#"{"nftables": [{"flowtable": {"family": "inet", "name": "ft", "table": "f", "handle": 1, "hook": "ingress",
        "prio": 0, "dev": "eth0"}}]}"#;
    assert_eq!(Rules::parse(Some(table), &[]).flowtables, ["inet f ft"]);
    for text in ["", "{", "[]", r#"{"nftables": [{"rule": 7}]}"#] {
        assert_eq!(Rules::parse(Some(text), &[]), Rules::default(), "{text}");
    }
}
