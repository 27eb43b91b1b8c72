//! Reads a table of terms: CSV, with a header or in the order term, category, severity, mode, lang.

use csv::{ReaderBuilder, StringRecord};

use super::draft::Draft;
use crate::{
    message::Category,
    scan::{MatchMode, Scope},
};

const COLUMNS: [&str; 5] = ["term", "category", "severity", "mode", "lang"];
/// A table with this much wrong is another kind of file.
const CAUSES_MAX: usize = 20;

/// Where each of the columns stands.
type Places = [Option<usize>; COLUMNS.len()];

/// # Errors
/// Every bad line, at most twenty.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), Vec<String>> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut places: Option<Places> = None;
    let mut causes = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(cause) => {
                causes.push(format!(" {cause}"));
                break;
            }
        };
        let line = record.position().map_or(0, |position| position.line());
        let bad = |cause: String| format!("{line}: {cause}");
        let result = match places {
            Some(places) => row(&record, &places, draft, line),
            None if is_header(&record) => header(&record).map(|found| places = Some(found)),
            None => {
                let in_order = [0, 1, 2, 3, 4].map(Some);
                places = Some(in_order);
                row(&record, &in_order, draft, line)
            }
        };
        causes.extend(result.err().map(bad));
        if causes.len() >= CAUSES_MAX {
            break;
        }
    }
    if causes.is_empty() { Ok(()) } else { Err(causes) }
}

fn is_header(record: &StringRecord) -> bool {
    record.iter().any(|name| name.trim().eq_ignore_ascii_case(COLUMNS[0]))
}

fn header(record: &StringRecord) -> Result<Places, String> {
    let mut places = [None; COLUMNS.len()];
    for (at, name) in record.iter().enumerate() {
        let lower = name.trim().to_ascii_lowercase();
        let Some(column) = COLUMNS.iter().position(|column| *column == lower) else {
            return Err(format!("column {name:?} is not one of {}", COLUMNS.join(", ")));
        };
        if places[column].replace(at).is_some() {
            return Err(format!("column {name:?} is there twice"));
        }
    }
    Ok(places)
}

fn row(record: &StringRecord, places: &Places, draft: &mut Draft, line: u64) -> Result<(), String> {
    if record.len() > places.iter().flatten().count().max(1) {
        return Err(format!("{} columns", record.len()));
    }
    let cell = |column: usize| {
        let cell = places[column].and_then(|at| record.get(at)).map(str::trim);
        cell.filter(|cell| !cell.is_empty())
    };
    let Some(text) = cell(0) else { return Err("no term".to_owned()) };
    let at = format!("line {line}");
    if cell(1) == Some("allow") {
        draft.allow(text, &at);
        return Ok(());
    }
    let category = cell(1).map_or(Ok(draft.category), super::category);
    let category: Category = category.map_err(|cause| format!("category {cause}"))?;
    let severity = cell(2).map_or(Ok(draft.severity), super::severity);
    let severity = severity.map_err(|cause| format!("severity {cause}"))?;
    let mode = match cell(3) {
        Some(name) => MatchMode::named(name).ok_or_else(|| {
            let known = MatchMode::ALL.map(MatchMode::name).join(", ");
            format!("mode {name:?} is not one of {known}")
        })?,
        None if text.contains(char::is_whitespace) => MatchMode::Phrase,
        None => MatchMode::Word,
    };
    // `fr` and `fr!en` as well as `:fr`.
    let scope = cell(4).map(Scope::parse).transpose().map_err(|cause| format!("lang: {cause}"))?;
    let scope = scope.map(|scope| scope.to_string()).unwrap_or_default();
    draft.term(category, severity, mode, &scope, text, &at)
}
