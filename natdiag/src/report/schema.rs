//! Holds what is written as JSON against the schemas in `docs/schema`.

use jsonschema::{Registry, Validator};
use serde_json::Value;

const REPORT: &str = include_str!("../../../docs/schema/natdiag.report.1.json");
const EVENT: &str = include_str!("../../../docs/schema/natdiag.event.1.json");

/// Fails where a text is no report.
pub(crate) fn assert_report(text: &str) {
    let validator = jsonschema::validator_for(&parse(REPORT)).unwrap();
    assert_valid(&validator, text);
}

/// Fails where a text is no event.
pub(crate) fn assert_event(text: &str) {
    let report = parse(REPORT);
    let registry = Registry::new()
        .add("urn:natdiag:report:1", &report)
        .unwrap()
        .prepare()
        .unwrap();
    let validator = jsonschema::options()
        .with_registry(&registry)
        .build(&parse(EVENT))
        .unwrap();
    assert_valid(&validator, text);
}

fn assert_valid(validator: &Validator, text: &str) {
    let value = parse(text);
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
