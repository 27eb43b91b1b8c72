//! Writes lines for spreadsheets, in which nothing is a formula and nothing leaves its cell.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::audit::jsonl::escaped;

/// What an answer says that is to be saved as `NAME.csv`; a name is our own.
pub fn headers(name: &str) -> HeaderMap {
    let mut told = HeaderMap::new();
    let sheet = HeaderValue::from_static("text/csv; charset=utf-8");
    told.insert(header::CONTENT_TYPE, sheet);
    let file = HeaderValue::try_from(format!("attachment; filename=\"{name}.csv\""));
    told.extend(file.ok().map(|file| (header::CONTENT_DISPOSITION, file)));
    told
}

/// One line with its end.
pub fn line(cells: &[&str]) -> String {
    cells.iter().map(|value| cell(value)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// What may begin a formula, also in spreadsheets that read wide letters as narrow ones.
const FORMULA: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell that no spreadsheet takes for a formula, and nothing in it moves what stands around it.
fn cell(value: &str) -> String {
    let plain = escaped(value).replace('"', "\"\"");
    let formula = value.trim_start().starts_with(FORMULA);
    format!("\"{}{plain}\"", if formula { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_to_every_spreadsheet() {
        let check = |value, expected| assert_eq!(cell(value), expected, "{value:?}");
        check("ana", "\"ana\"");
        check("", "\"\"");
        check("say \"hi\", you", "\"say \"\"hi\"\", you\"");
        check("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"");
        check(" =1+1", "\"' =1+1\"");
        check("+1", "\"'+1\"");
        check("-1", "\"'-1\"");
        check("@a", "\"'@a\"");
        check("\u{ff1d}1", "\"'\u{ff1d}1\"");
        check("\t=1", "\"'\\u0009=1\"");
        check("a\r\nb\u{202e}", "\"a\\u000d\\u000ab\\u202e\"");
    }
}
