//! Checks values against the schemas of the description: as much of JSON Schema as it uses.

use serde_json::{Map, Value};

/// Follows references within the description.
pub fn resolve<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    while let Some(reference) = value["$ref"].as_str() {
        let place = reference.strip_prefix('#').expect("references stay in the document");
        value = document.pointer(place).unwrap_or_else(|| panic!("{reference} is nowhere"));
    }
    value
}

/// What is wrong with a value, and where; nothing where it fits.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let Value::Object(schema) = resolve(document, schema) else {
        if schema == &Value::Bool(false) {
            faults.push(format!("{at}: nothing may be here"));
        }
        return;
    };
    for (keyword, wanted) in schema {
        let fits = |schema: &Value| {
            let mut inner = Vec::new();
            check(document, schema, value, at, &mut inner);
            inner.is_empty()
        };
        let how_many = || wanted.as_array().expect("a list").iter().filter(|s| fits(s)).count();
        let good = match keyword.as_str() {
            "description" | "default" | "example" | "format" => true,
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "anyOf" => how_many() > 0,
            "oneOf" => how_many() == 1,
            "not" => !fits(wanted),
            "minimum" => value.as_f64().is_none_or(|n| n >= wanted.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|n| n <= wanted.as_f64().expect("a number")),
            "minLength" => value.as_str().is_none_or(|s| s.chars().count() >= count(wanted)),
            "maxLength" => value.as_str().is_none_or(|s| s.chars().count() <= count(wanted)),
            "minItems" => value.as_array().is_none_or(|list| list.len() >= count(wanted)),
            "maxItems" => value.as_array().is_none_or(|list| list.len() <= count(wanted)),
            "minProperties" => value.as_object().is_none_or(|map| map.len() >= count(wanted)),
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = wanted.as_str().expect("a pattern");
                regex::Regex::new(pattern).expect("the pattern compiles").is_match(text)
            }),
            "required" => value.as_object().is_none_or(|map| {
                let mut names = wanted.as_array().expect("a list").iter();
                names.all(|name| map.contains_key(name.as_str().expect("a name")))
            }),
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, wanted, item, &format!("{at}/{n}"), faults);
                }
                true
            }
            "properties" => {
                for (name, own) in wanted.as_object().expect("an object") {
                    if let Some(value) = value.get(name) {
                        check(document, own, value, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => {
                further(document, schema, wanted, value, at, faults);
                true
            }
            unknown => panic!("{at}: this check does not know {unknown}"),
        };
        if !good {
            faults.push(format!("{at}: {value} is against {keyword} {wanted}"));
        }
    }
}

/// Members that are not named.
fn further(
    document: &Value,
    schema: &Map<String, Value>,
    wanted: &Value,
    value: &Value,
    at: &str,
    faults: &mut Vec<String>,
) {
    let named = schema.get("properties");
    for (name, own) in value.as_object().into_iter().flatten() {
        if named.is_none_or(|named| named.get(name).is_none()) {
            check(document, wanted, own, &format!("{at}/{name}"), faults);
        }
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("{unknown} is no type"),
    }
}

fn count(wanted: &Value) -> usize {
    wanted.as_u64().expect("a count") as usize
}

#[test]
fn what_does_not_fit_is_found() {
    let document = serde_json::json!({ "a": { "type": "integer", "minimum": 1 } });
    let table = serde_json::json!([
        [{ "$ref": "#/a" }, [1, 7], [0, "1", null, 1.5]],
        [{ "type": ["string", "null"], "pattern": "^a", "minLength": 2, "maxLength": 3 },
            ["ab", null], ["b", "a", "abcd", 1]],
        [{ "enum": [true, "x"] }, [true, "x"], [false, null]],
        [{ "const": 1 }, [1], [2]],
        [{ "required": ["a"], "properties": { "a": { "type": "number", "maximum": 2 } },
            "additionalProperties": false }, [{ "a": 1.5 }], [{}, { "a": 3 }, { "a": 1, "b": 1 }]],
        [{ "additionalProperties": { "type": "null" }, "minProperties": 1 },
            [{ "b": null }], [{}, { "b": 1 }]],
        [{ "type": "array", "items": { "type": "boolean" }, "minItems": 1, "maxItems": 2 },
            [[true]], [[], [1], [true, true, true], {}]],
        [{ "anyOf": [{ "const": 1 }, { "type": "integer" }] }, [1, 2], ["x"]],
        [{ "oneOf": [{ "const": 1 }, { "type": "integer" }] }, [2], [1, "x"]],
        [{ "not": { "type": "object" } }, [1], [{}]],
    ]);
    for row in table.as_array().expect("rows") {
        for (column, fit) in [(1, true), (2, false)] {
            for value in row[column].as_array().expect("values") {
                let found = faults(&document, &row[0], value);
                assert_eq!(found.is_empty(), fit, "{} {value} {found:?}", row[0]);
            }
        }
    }
}
