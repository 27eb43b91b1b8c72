//! Drives console, API and admin over real ports: who may do what, and what is refused.

#[path = "doors/house.rs"]
mod house;

#[path = "doors/appeals.rs"]
mod appeals;

#[path = "doors/console.rs"]
mod console;

#[path = "doors/crowds.rs"]
mod crowds;

#[path = "doors/decrees.rs"]
mod decrees;

#[path = "doors/described.rs"]
mod described;

#[path = "doors/duty.rs"]
mod duty;

#[path = "doors/guard.rs"]
mod guard;

#[path = "doors/hook.rs"]
mod hook;

#[path = "doors/insights.rs"]
mod insights;

#[path = "doors/marked.rs"]
mod marked;

#[path = "doors/once.rs"]
mod once;

#[path = "doors/overrides.rs"]
mod overrides;

#[path = "doors/people.rs"]
mod people;

#[path = "doors/programs.rs"]
mod programs;

#[path = "doors/queue.rs"]
mod queue;

#[path = "doors/replay.rs"]
mod replay;
#[path = "doors/sockets.rs"]
mod sockets;
#[path = "doors/schema.rs"]
mod schema;

#[path = "doors/senders.rs"]
mod senders;
#[path = "doors/together.rs"]
mod together;
#[path = "doors/trial.rs"]
mod trial;

#[path = "doors/withdrawn.rs"]
mod withdrawn;
