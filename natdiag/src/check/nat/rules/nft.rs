//! The JSON of `nft -j list ruleset` (libnftables-json(5)).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Chain, Rules, Translation, drops_invalid};

/// What a rule may ask besides the state of a connection and still meet all INVALID packets of TCP that leave.
const HARMLESS: [&str; 5] = ["oifname", "oif", "l4proto", "nfproto", "protocol"];

/// Adds what the rules of this text do; rules that iptables wrote only where nothing else tells of them.
pub(super) fn read(text: &str, with_iptables: bool, rules: &mut Rules) {
    let Ok(ruleset) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let objects = || ruleset.get("nftables").and_then(Value::as_array);
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    for object in objects().into_iter().flatten() {
        if let Some(chain) = object.get("chain") {
            let hook = chain.get("hook").and_then(Value::as_str);
            let is_on_the_way = matches!(hook, Some("forward" | "prerouting" | "postrouting"))
                && matches!(text_of(chain, "family"), "ip" | "inet");
            let place = place(chain, text_of(chain, "name"));
            chains.entry(place).or_default().is_on_the_way = is_on_the_way;
        } else if let Some(table) = object.get("flowtable") {
            let words = ["family", "table", "name"].map(|key| text_of(table, key));
            rules.flowtables.push(words.join(" "));
        } else if let Some(rule) = object.get("rule") {
            let chain = chains
                .entry(place(rule, text_of(rule, "chain")))
                .or_default();
            read_rule(rule, with_iptables, chain, rules);
        }
    }
    rules.drops_invalid |= drops_invalid(&chains);
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn place(object: &Value, chain: &str) -> String {
    format!(
        "{} {} {chain}",
        text_of(object, "family"),
        text_of(object, "table")
    )
}

fn read_rule(rule: &Value, with_iptables: bool, chain: &mut Chain, rules: &mut Rules) {
    let expressions = || {
        let all = rule.get("expr").and_then(Value::as_array);
        all.into_iter().flatten()
    };
    for expression in expressions() {
        for kind in ["masquerade", "snat"] {
            if let Some(how) = expression.get(kind) {
                rules.add(translation(rule, kind, how));
            }
        }
        let is_clamp = expression
            .pointer("/mangle/key/tcp option/name")
            .is_some_and(|name| name == "maxseg");
        rules.clamps_mss |= is_clamp;
        if let Some(target) = expression.get("xt").filter(|_| with_iptables) {
            match text_of(target, "name") {
                name @ ("MASQUERADE" | "SNAT") => rules.add(of_iptables(rule, name)),
                "TCPMSS" => rules.clamps_mss = true,
                _ => {}
            }
        }
        for way in ["jump", "goto"] {
            let to = expression.get(way).map(|to| text_of(to, "target"));
            chain.leads_to.extend(to.map(|to| place(rule, to)));
        }
        chain.drops_invalid |= maps_invalid_to_drop(expression);
    }
    chain.drops_invalid |= drops_all_invalid(expressions());
}

fn translation(rule: &Value, kind: &str, how: &Value) -> Translation {
    let flags = how.get("flags");
    let is_random = ["random", "fully-random"]
        .iter()
        .any(|flag| flags.is_some_and(|flags| mentions(flags, flag)));
    let number = |value: &Value| value.as_u64().and_then(|port| u32::try_from(port).ok());
    let ports = how.get("port").and_then(|port| {
        if let Some(range) = port.get("range") {
            let ends = (number(range.get(0)?)?, number(range.get(1)?)?);
            return Some(ends.1.checked_sub(ends.0)? + 1);
        }
        number(port).map(|_| 1)
    });
    let chain = place(rule, text_of(rule, "chain"));
    let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or(0);
    let interface = interface(rule);
    let matches = rule.get("expr").and_then(Value::as_array);
    let is_plain = matches.is_some_and(|all| {
        all.iter()
            .all(|one| one.get(kind).is_some() || one.get("counter").is_some() || is_way_out(one))
    });
    // A rule is replaced as a whole, and only a simple one can be written here as its owner would.
    let remedy = if is_plain && kind == "masquerade" && how.get("port").is_none() {
        let way = interface.as_ref();
        let way = way.map_or_else(String::new, |name| format!("oifname \"{name}\" "));
        format!("nft replace rule {chain} handle {handle} {way}masquerade fully-random")
    } else {
        format!("nft -a list chain {chain}")
    };
    Translation {
        rule: format!("{kind} in chain {chain}, handle {handle}"),
        interface,
        is_random: Some(is_random),
        ports,
        remedy,
    }
}

fn of_iptables(rule: &Value, target: &str) -> Translation {
    Translation {
        rule: format!("{target} in chain {}", place(rule, text_of(rule, "chain"))),
        interface: interface(rule),
        is_random: None,
        ports: None,
        remedy: "iptables-save -t nat".to_owned(),
    }
}

/// The interface by which packets of a rule leave.
fn interface(rule: &Value) -> Option<String> {
    let all = rule.get("expr")?.as_array()?;
    let way = all.iter().find(|one| is_way_out(one))?;
    way.pointer("/match/right")?.as_str().map(str::to_owned)
}

fn is_way_out(expression: &Value) -> bool {
    let key = expression.pointer("/match/left/meta/key");
    let is_equal = expression.pointer("/match/op").is_some_and(|op| op == "==");
    is_equal && key.is_some_and(|key| key == "oifname" || key == "oif")
}

/// Whether a text stands anywhere in a value.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(all) => all.iter().any(|one| mentions(one, text)),
        Value::Object(all) => all.values().any(|one| mentions(one, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_of_state(value: Option<&Value>) -> bool {
    value
        .and_then(|left| left.pointer("/ct/key"))
        .is_some_and(|key| key == "state")
}

/// `ct state invalid drop`, also with other states, and where nothing narrows it.
fn drops_all_invalid<'a>(expressions: impl Iterator<Item = &'a Value>) -> bool {
    let (mut is_invalid, mut is_drop) = (false, false);
    for expression in expressions {
        is_drop |= expression.get("drop").is_some();
        let Some(matched) = expression.get("match") else {
            continue;
        };
        let key = matched.pointer("/left/meta/key").and_then(Value::as_str);
        let right = matched.get("right");
        if is_of_state(matched.get("left")) {
            is_invalid = matched.get("op").is_some_and(|op| op != "!=")
                && right.is_some_and(|right| mentions(right, "invalid"));
        } else if !key.is_some_and(|key| HARMLESS.contains(&key)) {
            return false;
        }
    }
    is_invalid && is_drop
}

/// `ct state vmap { invalid : drop }`.
fn maps_invalid_to_drop(expression: &Value) -> bool {
    let Some(map) = expression.get("vmap") else {
        return false;
    };
    let pairs = map.pointer("/data/set").and_then(Value::as_array);
    is_of_state(map.get("key"))
        && pairs.into_iter().flatten().any(|pair| {
            pair.get(0).is_some_and(|state| mentions(state, "invalid"))
                && pair
                    .get(1)
                    .is_some_and(|verdict| verdict.get("drop").is_some())
        })
}
