//! Reads which messages an event of the server takes away again.

use super::pointer::{Node, Pointer, Scalar};
use crate::{config::JsonConfig, message::Deleted, protocol::spelling::Reason};

/// Messages that one frame takes away; the rest stays held, which is the safe side.
const DELETED_MAX: usize = 1024;

/// Where such an event says so, compiled. It is a whole frame, or a whole line of one.
pub struct Removal {
    kind: Pointer,
    kinds: Vec<String>,
    place: Pointer,
    unless: Option<Pointer>,
    lines: bool,
}

impl Removal {
    /// `None` where the server has no such event.
    ///
    /// # Errors
    /// What is wrong with the settings, with its key.
    pub fn compile(config: &JsonConfig) -> Result<Option<Removal>, String> {
        let kinds = &config.removed_kinds;
        if kinds.is_empty() != config.removed.is_empty()
            || (!kinds.is_empty() && config.kind.is_empty())
        {
            return Err("json.removed_kinds and json.removed go together, with json.kind".into());
        }
        if kinds.iter().any(|kind| config.kinds.contains(kind) || config.name_kinds.contains(kind))
        {
            return Err("json.removed_kinds holds a kind that is chat".into());
        }
        let unless = Pointer::parse("json.removed_unless", &config.removed_unless)?;
        let place = Pointer::parse("json.removed", &config.removed)?;
        let kind = Pointer::parse("json.kind", &config.kind)?;
        let (Some(kind), Some(place)) = (kind, place) else { return Ok(None) };
        Ok(Some(Removal { kind, kinds: kinds.clone(), place, unless, lines: config.lines }))
    }

    /// What a frame takes away; nothing where it cannot be told for certain.
    pub fn read(&self, frame: &str) -> Vec<Deleted> {
        // Nearly no frame is one of these.
        if !self.kinds.iter().any(|kind| frame.contains(kind.as_str())) {
            return Vec::new();
        }
        let lines = frame.split(|c| self.lines && c == '\n').filter(|line| !line.trim().is_empty());
        let ids = lines.flat_map(|line| self.ids(line).unwrap_or_default());
        ids.take(DELETED_MAX).map(Deleted::Message).collect()
    }

    fn ids(&self, line: &str) -> Result<Vec<String>, Reason> {
        let node = Node::parse(line)?;
        let scalar = |pointer: &Pointer| Scalar::of(node.find(pointer)?);
        match scalar(&self.kind)? {
            Scalar::Text(kind) if self.kinds.iter().any(|own| *own == *kind) => {}
            _ => return Ok(Vec::new()),
        }
        let unless = self.unless.as_ref().map(scalar).transpose()?;
        if matches!(unless, Some(Scalar::Text(said)) if said == "true") {
            return Ok(Vec::new());
        }
        let Some(raw) = node.find(&self.place)? else { return Ok(Vec::new()) };
        let array = Node::part(raw)?;
        let items = array.items().unwrap_or(std::slice::from_ref(&array.raw));
        let mut ids = Vec::new();
        for item in items.iter().take(DELETED_MAX) {
            if let Scalar::Text(id) = Scalar::of(Some(item))? {
                ids.push(id.into_owned());
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_where_something_goes() {
        let config = JsonConfig {
            kind: "/type".into(),
            removed_kinds: vec!["GONE".into()],
            removed: "/ids".into(),
            removed_unless: "/visible".into(),
            lines: true,
            ..JsonConfig::default()
        };
        let removal = Removal::compile(&config).unwrap().unwrap();
        let check = |frame: &str, expected: &[&str]| {
            let expected: Vec<_> =
                expected.iter().map(|id| Deleted::Message((*id).into())).collect();
            assert_eq!(removal.read(frame), expected, "{frame}");
        };
        check(r#"{"type":"GONE","ids":["a","b"],"visible":false}"#, &["a", "b"]);
        check(r#"{"type":"GONE","ids":"a"}"#, &["a"]);
        check(r#"{"type":"GONE","ids":7}"#, &["7"]);
        check(r#"{"type":"GONE","ids":["a"],"visible":true}"#, &[]);
        check(r#"{"type":"CHAT","text":"GONE","ids":["a"]}"#, &[]);
        check("{\"type\":\"CHAT\"}\n{\"type\":\"GONE\",\"ids\":[\"a\"]}", &["a"]);
        check(r#"{"type":"GONE"}"#, &[]);
        check(r#"{"type":"GONE","ids":"#, &[]);
        check(r#"{"type":"GONE","type":"GONE","ids":["a"]}"#, &[]);
    }
}
