//! Reads JSON as Google's services read it: strictly, and in both spellings of each name.

use serde_json::{Map, Value};

use super::fault::Fault;

/// The members of an object that are there, by the camel-case names that it may have.
pub(super) struct Fields<'a> {
    /// Where the object stands, for messages; empty at the top.
    at: String,
    found: Vec<(&'static str, &'a Value)>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// Where the value is no object, and for members of other names.
    pub fn of(value: &'a Value, at: &str, names: &[&'static str]) -> Result<Fields<'a>, Fault> {
        let Some(object) = value.as_object() else { return Err(wrong(at, "message", value)) };
        let mut found = Vec::with_capacity(object.len());
        for (key, value) in object {
            let name = names.iter().find(|name| *key == **name || *key == snake(name));
            let Some(name) = name else { return Err(unknown(key, at)) };
            if found.iter().any(|(known, _)| known == name) {
                let said = format!("Multiple values for field '{name}'");
                return Err(Fault::payload(at, said));
            }
            // In this dialect null is the same as nothing.
            if !value.is_null() {
                found.push((*name, value));
            }
        }
        Ok(Fields { at: at.to_owned(), found })
    }

    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.found.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub fn path(&self, name: &str) -> String {
        match self.at.as_str() {
            "" => name.to_owned(),
            at => format!("{at}.{name}"),
        }
    }

    /// Empty where it is not there.
    pub fn text(&self, name: &str) -> Result<&'a str, Fault> {
        let Some(value) = self.value(name) else { return Ok("") };
        value.as_str().ok_or_else(|| wrong(&self.path(name), "TYPE_STRING", value))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        let Some(value) = self.value(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| wrong(&self.path(name), "TYPE_BOOL", value))
    }

    /// A number, which may be written as a string.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Fault> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        let wrong = || wrong(&self.path(name), "TYPE_FLOAT", value);
        number.filter(|number: &f64| number.is_finite()).map(Some).ok_or_else(wrong)
    }

    /// One of `names`, or its number; the first where it is not there.
    pub fn choice(
        &self,
        name: &str,
        kind: &str,
        names: &[&'static str],
    ) -> Result<&'static str, Fault> {
        let Some(value) = self.value(name) else { return Ok(names[0]) };
        let chosen = match value {
            Value::String(text) => names.iter().find(|name| *name == text),
            value => value.as_u64().and_then(|at| names.get(usize::try_from(at).ok()?)),
        };
        chosen
            .copied()
            .ok_or_else(|| wrong(&self.path(name), &format!("type.googleapis.com/{kind}"), value))
    }

    pub fn list(&self, name: &str) -> Result<&'a [Value], Fault> {
        let Some(value) = self.value(name) else { return Ok(&[]) };
        value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(&self.path(name), "list", value))
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let one = |(at, value): (usize, &Value)| match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(wrong(&format!("{}[{at}]", self.path(name)), "TYPE_STRING", value)),
        };
        self.list(name)?.iter().enumerate().map(one).collect()
    }

    /// Members of any name.
    pub fn map(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Fault> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_object().map(Some).ok_or_else(|| wrong(&self.path(name), "map", value))
    }
}

fn unknown(key: &str, at: &str) -> Fault {
    let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
    let key = key.escape_default();
    let said =
        format!("Invalid JSON payload received. Unknown name \"{key}\"{place}: Cannot find field.");
    Fault::payload(at, said)
}

/// Says what came, but not all of it: it may be a whole comment.
fn wrong(at: &str, kind: &str, value: &Value) -> Fault {
    let came: String = value.to_string().chars().take(64).collect();
    Fault::payload(at, format!("Invalid value at '{at}' ({kind}), {came}"))
}

/// `requestedAttributes` as `requested_attributes`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
