//! Says what of the queue a page lists, and in which order.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
};
use serde::Deserialize;

use crate::{
    accounts::{Rights, Role},
    doors::Failure,
    hold::Hold,
    message::Category,
};

/// What a page asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    sort: Sort,
    /// Only of this route, and with it of this channel.
    route: Option<String>,
    channel: Option<String>,
    /// Only what was found to be of this category.
    category: Option<Category>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    /// What was paid for first, then the oldest.
    #[default]
    Paid,
    Age,
    /// The gravest first, of those what was paid for, then the oldest.
    Severity,
}

/// What somebody may see, and of that what they asked for.
#[derive(Clone, Debug)]
pub struct View {
    pub rights: Rights,
    asked: Asked,
}

pub type Question = Result<Query<Asked>, QueryRejection>;

impl View {
    pub fn new(rights: Rights, question: Question) -> Result<View, Failure> {
        match question {
            Ok(Query(asked)) => Ok(View { rights, asked }),
            Err(cause) => Err(Failure::new(StatusCode::BAD_REQUEST, "query", cause.body_text())),
        }
    }

    /// Whether a message is of a channel that they see.
    pub fn sees(&self, hold: &Hold) -> bool {
        sees(&self.rights, hold)
    }

    /// Whether it also is what they asked for.
    pub fn lists(&self, hold: &Hold) -> bool {
        let Asked { route, channel, category, .. } = &self.asked;
        let found = |wanted: &Category| {
            hold.findings.iter().any(|own| !own.shadow && own.category == *wanted)
        };
        self.sees(hold)
            && route.as_ref().is_none_or(|route| *route == hold.route)
            && channel.as_ref().is_none_or(|channel| *channel == hold.channel)
            && category.as_ref().is_none_or(found)
    }

    /// Leaves what they asked for, in their order; `holds` come as the queue lists them.
    pub fn cut(&self, holds: &mut Vec<Arc<Hold>>) {
        holds.retain(|hold| self.lists(hold));
        match self.asked.sort {
            Sort::Paid => {}
            Sort::Age => holds.sort_by(|a, b| a.id.cmp(&b.id)),
            Sort::Severity => holds.sort_by_key(|hold| Reverse(hold.severity())),
        }
    }
}

/// Whether a message is of a channel that somebody sees.
pub fn sees(rights: &Rights, hold: &Hold) -> bool {
    rights.reach(&hold.route, &hold.channel, Role::Viewer)
}
