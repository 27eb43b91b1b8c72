//! Shows the console's own word lists, says what is wrong with a text, and saves it.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Console, guard::may_everywhere};
use crate::{
    accounts::{Role, Session},
    doors::{
        Failure,
        overrides::{LIST_BYTES_MAX, Revision, difference},
        place::unfit,
        read_json,
    },
    message::now_ms,
    rules::{ALLOW, LEFT_OUT, Overrides},
    scan::wordlist::EXAMPLE_SIGNS,
};

/// Quotes and line ends are two bytes in JSON.
const BODY_BYTES_MAX: usize = 2 * LIST_BYTES_MAX + 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
    /// The version that was read; not asked for where nothing is saved.
    #[serde(default)]
    base: u32,
}

/// Whoever may decide everywhere may look for more; to look for less takes an admin.
fn needs(name: &str) -> Role {
    if [ALLOW, LEFT_OUT].contains(&name) { Role::Admin } else { Role::Moderator }
}

fn named(name: &str) -> Result<&'static str, Failure> {
    let found = Overrides::names().find(|own| *own == name);
    found.ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "not_found", "there is no such list"))
}

/// Every list that there can be, and how many lines it has.
pub async fn all(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.reads_lists(&headers).await?;
    let overrides = console.doors.settler.pipeline.rules.load().overrides.clone();
    let lists = Overrides::names().map(|name| {
        let text = overrides.lists.get(name).map_or("", String::as_str);
        json!({ "name": name, "terms": terms(name, text), "may": may_edit(&session, name) })
    });
    Ok(Json(json!({ "now_ms": now_ms(), "lists": lists.collect::<Vec<_>>() })))
}

/// One list: its text, who wrote it, and the versions before.
pub async fn one(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.reads_lists(&headers).await?;
    Ok(Json(console.list(named(&name)?, &session).await?))
}

/// The text of an older version.
pub async fn version(
    State(console): State<Console>,
    Path((name, version)): Path<(String, u32)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    console.reads_lists(&headers).await?;
    let revisions = console.doors.revisions(named(&name)?).await?;
    let found = revisions.into_iter().find(|own| own.version == version);
    let found = found.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, "not_found", "that version is not kept any more")
    })?;
    Ok(Json(json!(found)))
}

/// What is wrong with a text, were it the list; nothing is saved.
pub async fn lint(
    State(console): State<Console>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.reads_lists(request.headers()).await?;
    let name = named(&name)?;
    console.trials.edit(&session.name)?;
    let Text { text, .. } = read_list(request).await?;
    let rules = console.doors.settler.pipeline.rules.load_full();
    let (added, removed) =
        difference(rules.overrides.lists.get(name).map_or("", String::as_str), &text);
    // Nobody closes it.
    let _turn = console.trials.building.acquire().await.ok();
    let lint = tokio::task::spawn_blocking(move || rules.lint(name, &text)).await;
    let lint = lint.map_err(|_| {
        // What it panicked of has been reported by then.
        let message = "the list cannot be checked";
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "lint_broke", message)
    })?;
    Ok(Json(json!({
        "problems": lint.problems,
        "warnings": lint.warnings,
        "terms": lint.terms,
        "added": added,
        "removed": removed,
    })))
}

/// Saves a list and puts it in force; answers as [`one`].
pub async fn save(
    State(console): State<Console>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let name = named(&name)?;
    may_everywhere(&session, needs(name))?;
    console.trials.edit(&session.name)?;
    let Text { text, base } = read_list(request).await?;
    console.doors.save_list(name, text, base, &session.name).await?;
    Ok(Json(console.list(name, &session).await?))
}

async fn read_list(request: Request<Body>) -> Result<Text, Failure> {
    let mut read: Text = read_json(request, BODY_BYTES_MAX).await?;
    // What some editors write before a text is no part of its first line.
    if let Some(rest) = read.text.strip_prefix('\u{feff}') {
        read.text = rest.to_owned();
    }
    match read.text.len() > LIST_BYTES_MAX {
        true => Err(unfit("long", format!("a list has {LIST_BYTES_MAX} bytes at most"))),
        false => Ok(read),
    }
}

/// Lines that are neither comments nor, in a list of terms, examples.
fn terms(name: &str, text: &str) -> usize {
    let example = |line: &str| needs(name) == Role::Moderator && line.starts_with(EXAMPLE_SIGNS);
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#') && !example(line)).count()
}

fn may_edit(session: &Session, name: &str) -> bool {
    session.rights.everywhere(needs(name))
}

impl Console {
    /// Lists hold for all channels, and whoever knows them knows what gets through.
    async fn reads_lists(&self, headers: &HeaderMap) -> Result<Session, Failure> {
        let session = self.need(headers, Role::Moderator).await?;
        may_everywhere(&session, Role::Moderator)?;
        Ok(session)
    }

    async fn list(&self, name: &'static str, session: &Session) -> Result<Value, Failure> {
        let revisions = self.doors.revisions(name).await?;
        let newest = revisions.first().cloned().unwrap_or_default();
        let told = |own: &Revision| {
            let Revision { version, by, at_ms, added, removed, .. } = own;
            json!({
                "version": version,
                "by": by,
                "at_ms": at_ms,
                "added": added,
                "removed": removed,
            })
        };
        Ok(json!({
            "now_ms": now_ms(),
            "name": name,
            "may": may_edit(session, name),
            "in_force": self.doors.is_in_force(),
            "version": newest.version,
            "terms": terms(name, &newest.text),
            "history": revisions.iter().map(told).collect::<Vec<_>>(),
            "text": newest.text,
        }))
    }
}
