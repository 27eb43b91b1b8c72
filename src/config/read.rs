//! Reads a settings file and names everything that is wrong with it by line, key and cause.

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    ops::Range,
    path::Path,
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::Config;

/// A settings file is written by hand; a larger one is a mistake (a log, a disk image).
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// More than this and the file is something else than a settings file.
const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// Counted from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// Dotted, with the number of a route in brackets: `route[0].upstream`.
    pub key: String,
    pub cause: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file is the operator's own, and still its text reaches a terminal: no control codes.
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", shown(&self.key))?;
        }
        write!(f, ": {}", shown(&self.cause))
    }
}

fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.trim_end().chars().map(visible).collect()
}

impl Config {
    /// Reads and checks a settings file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn read(path: &Path) -> Result<Config, Vec<Problem>> {
        let file = path.display().to_string();
        let text = read_bounded(path).map_err(|cause| {
            vec![Problem { file: file.clone(), line: None, key: String::new(), cause }]
        })?;
        Config::parse(&text, &file)
    }

    /// Parses and checks the text of a settings file; `file` is its name in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn parse(text: &str, file: &str) -> Result<Config, Vec<Problem>> {
        match Config::examine(text, file) {
            (Some(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(problems),
        }
    }

    /// Everything that is wrong with a settings file, and what can be made of the rest of it, so
    /// that more can be checked. A configuration that comes with problems is not to be run.
    pub fn examine(text: &str, file: &str) -> (Option<Config>, Vec<Problem>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let lines = Lines { text, file };
        let mut problems: Vec<Problem> = errors
            .iter()
            .take(PROBLEMS_MAX)
            .map(|e| lines.problem(e.span(), String::new(), e.message()))
            .collect();
        // What follows a slip on the same line is its echo.
        problems.dedup_by_key(|p| p.line);
        let broken = !problems.is_empty();
        let (config, shape) = shape(table.clone(), &lines);
        // After a slip of syntax the rest may be misread; what stands before it is certain.
        let first = problems.iter().filter_map(|p| p.line).min();
        problems.extend(shape.into_iter().filter(|p| !broken || p.line < first));
        let config = config.filter(|_| !broken);
        for (key, cause) in config.iter().flat_map(super::check::check) {
            // A key that could not be read has its problem already.
            if problems.iter().all(|p| p.key != key) {
                problems.push(lines.problem(locate(&table, &key), key, &cause));
            }
        }
        problems.sort_by_key(|p| p.line);
        (config, problems)
    }

    /// What works and is open to more people than it may seem: key and cause.
    pub fn exposed(&self) -> Vec<(String, String)> {
        super::check::exposed(self)
    }

    /// Checks settings that came from no file: key and cause of everything that is wrong.
    pub fn check(&self) -> Vec<(String, String)> {
        super::check::check(self)
    }
}

/// The line of a key in a settings file, for problems that other modules find with its value.
pub fn line_of(text: &str, key: &str) -> Option<usize> {
    let (table, _) = DeTable::parse_recoverable(text);
    locate(&table, key).map(|span| Lines { text, file: "" }.line(span.start))
}

/// Reads a text file of bounded size.
///
/// # Errors
/// The cause alone; the caller knows the file's name.
pub fn read_bounded(path: &Path) -> Result<String, String> {
    // A pipe keeps whoever opens it waiting, for ever if nobody writes.
    if !fs::metadata(path).map_err(|e| e.to_string())?.is_file() {
        return Err("is no file".to_owned());
    }
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = e.as_bytes().iter().take(e.utf8_error().valid_up_to());
        format!("not UTF-8 text at line {}", 1 + before.filter(|byte| **byte == b'\n').count())
    })
}

/// Turns byte positions into lines.
struct Lines<'a> {
    text: &'a str,
    file: &'a str,
}

impl Lines<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    fn problem(&self, span: Option<Range<usize>>, key: String, cause: &str) -> Problem {
        let line = span.map(|span| self.line(span.start));
        Problem { file: self.file.into(), line, key, cause: cause.into() }
    }
}

/// Reads the table into the settings' shape, leaving out each entry that does not fit, so that
/// the next one is found too.
fn shape(mut table: Spanned<DeTable>, lines: &Lines) -> (Option<Config>, Vec<Problem>) {
    let mut problems = Vec::new();
    while problems.len() < PROBLEMS_MAX {
        let error = match Config::deserialize(Deserializer::from(table.clone())) {
            Ok(config) => return (Some(config), problems),
            Err(error) => error,
        };
        let culprit = error.span().and_then(|span| entry_at(table.get_ref(), &span));
        let key = culprit.as_deref().map(key_name).unwrap_or_default();
        problems.push(lines.problem(error.span(), key, &unrepeated(error.message())));
        let Some(path) = culprit else { break };
        remove(table.get_mut(), &path);
    }
    (None, problems)
}

/// The message without the text that is of the wrong kind: it may be a secret in a wrong place.
fn unrepeated(message: &str) -> String {
    let parts = message.split_once(": string \"");
    match parts.and_then(|(what, rest)| Some((what, rest.rsplit_once("\", expected ")?.1))) {
        Some((what, expected)) => format!("{what}: a text, expected {expected}"),
        None => message.to_owned(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

fn key_name(path: &[Step]) -> String {
    let mut name = String::new();
    for step in path {
        match step {
            Step::Key(key) if name.is_empty() => name.push_str(key),
            Step::Key(key) => {
                name.push('.');
                name.push_str(key);
            }
            Step::Index(index) => name.push_str(&format!("[{index}]")),
        }
    }
    name
}

/// The smallest entry of the tree whose key or value covers `span`.
fn entry_at(table: &DeTable, span: &Range<usize>) -> Option<Vec<Step>> {
    let mut best: Option<(usize, Vec<Step>)> = None;
    walk(table, &mut Vec::new(), &mut |path, key, value| {
        for own in [key, value] {
            let covers = own.start <= span.start && span.end <= own.end;
            let size = own.end - own.start;
            if covers && best.as_ref().is_none_or(|(least, _)| size <= *least) {
                best = Some((size, path.to_vec()));
            }
        }
    });
    best.map(|(_, path)| path)
}

/// Where a key stands, or else the nearest table around it.
fn locate(table: &Spanned<DeTable>, key: &str) -> Option<Range<usize>> {
    let mut best: Option<(usize, Range<usize>)> = None;
    walk(table.get_ref(), &mut Vec::new(), &mut |path, own, value| {
        let name = key_name(path);
        let is_part = key
            .strip_prefix(&name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['));
        if is_part && best.as_ref().is_none_or(|(length, _)| *length < name.len()) {
            let element = matches!(path.last(), Some(Step::Index(_)));
            best = Some((name.len(), if element { value } else { own }));
        }
    });
    best.map(|(_, span)| span)
}

type Visit<'a> = dyn FnMut(&[Step], Range<usize>, Range<usize>) + 'a;

/// Visits every entry of every table with its path and the places of its key and value.
fn walk(table: &DeTable, path: &mut Vec<Step>, visit: &mut Visit) {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        visit(path, key.span(), value.span());
        descend(value.get_ref(), path, visit);
        path.pop();
    }
}

fn descend(value: &DeValue, path: &mut Vec<Step>, visit: &mut Visit) {
    match value {
        DeValue::Table(inner) => walk(inner, path, visit),
        DeValue::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                path.push(Step::Index(index));
                if matches!(element.get_ref(), DeValue::Table(_)) {
                    visit(path, element.span(), element.span());
                }
                descend(element.get_ref(), path, visit);
                path.pop();
            }
        }
        _ => {}
    }
}

fn remove(table: &mut DeTable, path: &[Step]) {
    let Some((Step::Key(first), rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.remove(first.as_str());
        return;
    }
    let Some(value) = table.get_mut(first.as_str()) else { return };
    remove_inside(value.get_mut(), rest);
}

fn remove_inside(value: &mut DeValue, path: &[Step]) {
    match (value, path.split_first()) {
        (DeValue::Table(inner), Some((Step::Key(_), _))) => remove(inner, path),
        (DeValue::Array(elements), Some((Step::Index(index), rest))) => {
            if rest.is_empty() {
                // The numbers of the elements after it stay, so that their problems are named
                // by them: an empty table is all defaults.
                if let Some(element) = elements.get_mut(*index) {
                    *element.get_mut() = DeValue::Table(DeTable::new());
                }
                return;
            }
            if let Some(element) = elements.get_mut(*index) {
                remove_inside(element.get_mut(), rest);
            }
        }
        _ => {}
    }
}
