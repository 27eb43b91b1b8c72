//! Tidegate stands in a livestream chat's path and passes, masks, holds or drops each message.
//!
//! Modules are named in the order in which a message meets them.

pub mod listen;
pub mod session;
pub mod protocol;
pub mod settle;
pub mod pipeline;
pub mod normalize;
pub mod scan;
pub mod score;
pub mod decide;
pub mod act;
pub mod hold;
pub mod store;
pub mod audit;

pub mod accounts;
pub mod doors;
pub mod console;
pub mod api;
pub mod bots;
pub mod admin;

pub mod rules;
pub mod history;
pub mod http;

pub mod message;
pub mod letters;
pub mod config;
pub mod metrics;

pub mod commands;
pub mod demo;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
