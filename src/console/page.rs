//! Embeds the page in the binary.

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use super::Console;

pub const HTML: &str = "text/html; charset=utf-8";
pub const CSS: &str = "text/css; charset=utf-8";
pub const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and bytes of every file.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../../console/index.html")),
    ("/style.css", CSS, include_str!("../../console/style.css")),
    ("/app.js", JS, include_str!("../../console/app.js")),
    ("/active.js", JS, include_str!("../../console/active.js")),
    ("/care.js", JS, include_str!("../../console/care.js")),
    ("/crowds.js", JS, include_str!("../../console/crowds.js")),
    ("/decrees.js", JS, include_str!("../../console/decrees.js")),
    ("/ended.js", JS, include_str!("../../console/ended.js")),
    ("/door.js", JS, include_str!("../../console/door.js")),
    ("/looks.js", JS, include_str!("../../console/looks.js")),
    ("/lines.js", JS, include_str!("../../console/lines.js")),
    ("/marks.js", JS, include_str!("../../console/marks.js")),
    ("/pages.js", JS, include_str!("../../console/pages.js")),
    ("/queue.js", JS, include_str!("../../console/queue.js")),
    ("/row.js", JS, include_str!("../../console/row.js")),
    ("/shade.js", JS, include_str!("../../console/shade.js")),
    ("/view.js", JS, include_str!("../../console/view.js")),
    ("/strings.js", JS, include_str!("../../console/strings.js")),
    ("/text.js", JS, include_str!("../../console/text.js")),
    ("/told.js", JS, include_str!("../../console/told.js")),
    ("/toasts.js", JS, include_str!("../../console/toasts.js")),
    ("/try", HTML, include_str!("../../console/try.html")),
    ("/try.js", JS, include_str!("../../console/try.js")),
    ("/replay.js", JS, include_str!("../../console/replay.js")),
    ("/rules", HTML, include_str!("../../console/rules.html")),
    ("/rules.js", JS, include_str!("../../console/rules.js")),
    ("/rules-words.js", JS, include_str!("../../console/rules-words.js")),
    ("/lists.js", JS, include_str!("../../console/lists.js")),
    ("/strictness.js", JS, include_str!("../../console/strictness.js")),
    ("/insights", HTML, include_str!("../../console/insights.html")),
    ("/insights.js", JS, include_str!("../../console/insights.js")),
    ("/appeals", HTML, include_str!("../../console/appeals.html")),
    ("/appeals.js", JS, include_str!("../../console/appeals.js")),
    ("/plots.js", JS, include_str!("../../console/plots.js")),
    ("/visit.js", JS, include_str!("../../console/visit.js")),
    ("/sentences.js", JS, include_str!("../../console/sentences.js")),
    ("/beside.css", CSS, include_str!("../../console/beside.css")),
    ("/account", HTML, include_str!("../../console/account.html")),
    ("/account-words.js", JS, include_str!("../../console/account-words.js")),
    ("/account.js", JS, include_str!("../../console/account.js")),
    ("/join.js", JS, include_str!("../../console/join.js")),
    ("/people.js", JS, include_str!("../../console/people.js")),
    ("/logo.svg", SVG, include_str!("../../console/logo.svg")),
];

pub fn routes() -> Router<Console> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(async || file(kind, text)))
    })
}

/// The page that an invitation's link opens.
pub async fn join() -> Response {
    file(HTML, include_str!("../../console/join.html"))
}

pub fn file(kind: &'static str, text: &'static str) -> Response {
    // Files change with the binary and have no name of their own version: asked for each time.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
