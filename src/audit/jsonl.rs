//! Exports the log as JSON lines that no terminal obeys.

use std::{fmt::Write as _, io};

use super::{chain, texts};
use crate::store::{Store, StoreError, Table};

/// What an export can fail of.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place that it is written to.
    #[error("cannot write the export: {0}")]
    Out(#[from] io::Error),
}

/// Writes `{"seq","hash","record"}` a line, oldest first, with `text` where `with_texts` asks for
/// it and it is not erased. Says how many records there were.
///
/// `record` has the very bytes that were hashed: `hash` is SHA-256 over the hash before, in hex,
/// and these bytes.
pub async fn export(
    store: &dyn Store,
    with_texts: bool,
    out: &mut (dyn io::Write + Send),
) -> Result<u64, ExportError> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = store.scan(Table::Records, &after, chain::PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = last.clone();
        for (key, bytes) in page {
            let text = match with_texts {
                true => text_of(store, &key, &bytes).await?,
                false => None,
            };
            let end = bytes.strip_suffix(b"}").unwrap_or(&bytes);
            out.write_all(end)?;
            if let Some(text) = text {
                let text = serde_json::to_string(&text).map_err(io::Error::other)?;
                write!(out, ",\"text\":{}", escaped(&text))?;
            }
            out.write_all(b"}\n")?;
            count += 1;
        }
    }
}

async fn text_of(store: &dyn Store, key: &str, bytes: &[u8]) -> Result<Option<String>, StoreError> {
    let record = chain::record(key, bytes)?;
    let row = texts::key(&record.id, key.parse().unwrap_or(0));
    let row = store.load(Table::Texts, &row).await?;
    row.map(|row| Ok(texts::Text::read(key, &row)?.text)).transpose()
}

/// JSON with every character escaped that a terminal, an editor or a reader's eye might obey:
/// controls, line separators, direction marks and what cannot be seen.
///
/// In JSON such characters stand in strings alone, so the meaning stays the same.
pub fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        let obeyed = c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}');
        if !obeyed {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}
