//! Turns another place's blocked terms into word lists and says what will match differently.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::Failure;
use crate::{
    config,
    message::{Category, Severity},
    scan::wordlist,
};

mod discord;
mod draft;
mod report;
mod table;
mod twitch;
mod wildcard;

use draft::Draft;

/// The folder that lists are written to, and so the first half of their names.
const FOLDER: &str = "imported";

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Where the file comes from
    pub from: Origin,
    pub file: PathBuf,
    /// The category of terms that have none of their own
    #[arg(long, default_value = "harassment", value_parser = category)]
    pub category: Category,
    /// The severity, 1 to 4, of terms that have none of their own
    #[arg(long, value_name = "N", default_value = "3", value_parser = severity)]
    pub severity: Severity,
    /// The lists go to DIR/imported
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Write over lists that are there
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Origin {
    /// Blocked terms: one a line, or the API's JSON
    Twitch,
    /// AutoMod rules: the API's JSON, one rule or an array
    Discord,
    /// Columns term, category, severity, mode, lang
    Csv,
}

fn category(name: &str) -> Result<Category, String> {
    Category::named(name).ok_or_else(|| {
        let known = Category::ALL.map(Category::name).join(", ");
        format!("is not one of {known}")
    })
}

fn severity(level: &str) -> Result<Severity, String> {
    level.parse().ok().and_then(Severity::new).ok_or_else(|| "is not 1 to 4".to_owned())
}

/// # Errors
/// `No` for a file that cannot be read or understood, with every bad place, and for lists that
/// are there already or cannot be written. Nothing is written then.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let file = args.file.display().to_string();
    let text = config::read_bounded(&args.file)
        .map_err(|cause| Failure::No(format!("{file}: {cause}")))?;
    let read = read(args.from, &text, args.category, args.severity);
    let mut draft = read.map_err(|causes| {
        let causes: Vec<String> = causes.iter().map(|cause| format!("{file}:{cause}")).collect();
        Failure::No(causes.join("\n"))
    })?;
    let lists = draft.lists(&file);
    let folder = args.out.join(FOLDER);
    let written = match lists.is_empty() {
        true => Err(Failure::No(format!("{file}: nothing in it can be listed"))),
        false => write(&folder, &lists, args.force),
    };
    let report = draft.report.told(&folder, written.is_ok());
    match io::stdout().write_all(report.as_bytes()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::No(cause.to_string()))
        }
        _ => written,
    }
}

/// What the text of a file comes to.
///
/// # Errors
/// Every bad place, with its line, as far as the file can be understood.
pub(crate) fn read(
    from: Origin,
    text: &str,
    category: Category,
    severity: Severity,
) -> Result<Draft, Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut draft = Draft::new(category, severity);
    match from {
        Origin::Twitch => twitch::read(text, &mut draft),
        Origin::Discord => discord::read(text, &mut draft),
        Origin::Csv => table::read(text, &mut draft),
    }?;
    Ok(draft)
}

/// Writes all lists or none: each is whole beside its place before the first one takes it. Where
/// the disk fails in between, the error names the list that did not take its place.
fn write(folder: &Path, lists: &[(String, String)], force: bool) -> Result<(), Failure> {
    let failed = |path: &Path, cause: &dyn std::fmt::Display| {
        Failure::No(format!("{}: {cause}", path.display()))
    };
    for (name, text) in lists {
        let path = folder.join(format!("{name}.txt"));
        // What the loader would refuse must not be left for it.
        if let Err(errors) = wordlist::parse(&format!("{FOLDER}/{name}"), name, text) {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return Err(failed(&path, &errors.join("; ")));
        }
        if path.is_dir() || (!force && path.exists()) {
            return Err(failed(&path, &"is there already; --force writes over it"));
        }
    }
    fs::create_dir_all(folder).map_err(|cause| failed(folder, &cause))?;
    let beside = |name: &str| folder.join(format!(".{name}.{}.part", std::process::id()));
    let mut result = Ok(());
    for (name, text) in lists {
        let part = beside(name);
        // A file that is new follows nobody's link.
        result = result.and_then(|()| {
            let file = OpenOptions::new().write(true).create_new(true).open(&part);
            let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|cause| failed(&part, &cause))
        });
    }
    for (name, _) in lists {
        let path = folder.join(format!("{name}.txt"));
        result = result
            .and_then(|()| fs::rename(beside(name), &path).map_err(|cause| failed(&path, &cause)));
    }
    if result.is_err() {
        // Best effort: the failure that is told is the one that matters.
        lists.iter().for_each(|(name, _)| drop(fs::remove_file(beside(name))));
    }
    result
}

/// Where and why, as the file's errors are told.
fn json_cause(cause: &serde_json::Error) -> String {
    let told = cause.to_string();
    let told = told.split(" at line ").next().unwrap_or_default();
    format!("{}:{}: {told}", cause.line(), cause.column())
}
