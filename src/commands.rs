//! To be written.

pub mod audit;
mod running;
pub mod user;
