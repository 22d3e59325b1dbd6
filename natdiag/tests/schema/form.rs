//! The forms that `docs/schema` gives to what natdiag writes.

use std::{fs, path::Path, sync::LazyLock};

use jsonschema::{Registry, Validator};
use serde_json::Value;

/// Each schema by its name.
static SCHEMAS: LazyLock<[(&str, Validator); 2]> = LazyLock::new(|| {
    let report = schema("natdiag.report.1.json");
    let registry = Registry::new().add("urn:natdiag:report:1", report.clone());
    let registry = registry.unwrap().prepare().unwrap();
    let validator = |schema: &Value| {
        let options = jsonschema::options().with_registry(&registry);
        options.build(schema).unwrap()
    };
    [
        ("natdiag.report/1", validator(&report)),
        (
            "natdiag.event/1",
            validator(&schema("natdiag.event.1.json")),
        ),
    ]
});

/// What keeps a value from the form that its `schema` names, if anything does.
pub(crate) fn fault(value: &Value) -> Option<String> {
    let named = SCHEMAS.iter().find(|(name, _)| value["schema"] == *name);
    let Some((_, validator)) = named else {
        return Some(format!("no such schema: {}", value["schema"]));
    };
    let error = validator.validate(value).err()?;
    Some(format!("{}: {error}", error.instance_path()))
}

/// Reads a report or an event, which has the form of its schema.
pub(crate) fn read(json: &[u8]) -> Value {
    let value = serde_json::from_slice(json)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)));
    if let Some(fault) = fault(&value) {
        panic!("{fault}\n{value}");
    }
    value
}

fn schema(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}
