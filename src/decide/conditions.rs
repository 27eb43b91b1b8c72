//! Applies a policy's conditions: expressions in CEL over what is known of a message.
//!
//! The library parses and evaluates. What it does not do is done at load: `check` knows every
//! variable's type, so that a slip is found before it judges, and bounds what an evaluation costs.

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value, common::types::CelBool};

use super::{Heard, Policy, Seen};
use crate::{
    config::{Enforce, WhenConfig},
    message::{Category, Finding, Verdict},
};

mod check;
mod facts;

use facts::Facts;

/// Room for a dozen names; longer is a program, and the parser's time grows with it.
const EXPRESSION_BYTES_MAX: usize = 1024;

/// The functions of the standard. Nothing of ours is added.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition that is known to be sound.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    program: Arc<Program>,
    /// It cannot be told without a score in any case.
    hears: bool,
    pub then: Verdict,
    pub rule: String,
    pub why: String,
    pub mode: Enforce,
    pub category: Option<Category>,
}

impl Condition {
    /// # Errors
    /// Where in the expression something is wrong, and what: `1:14: there is no …`.
    pub fn compile(config: &WhenConfig) -> Result<Condition, String> {
        let source = &config.condition;
        if source.len() > EXPRESSION_BYTES_MAX {
            return Err(format!("is longer than {EXPRESSION_BYTES_MAX} bytes"));
        }
        check::nesting(source)?;
        let program = Program::compile(source).map_err(|errors| {
            // One slip has many echoes; the first is where it is.
            errors.errors.first().map_or_else(String::new, |error| {
                let (line, column) = error.pos;
                format!("{line}:{column}: {}", error.msg.lines().next().unwrap_or_default())
            })
        })?;
        let hears = check::check(&program, source)?;
        Ok(Condition {
            program: Arc::new(program),
            hears,
            then: config.then,
            rule: config.rule.clone(),
            why: config.why.clone(),
            mode: config.mode,
            category: config.category,
        })
    }

    /// Whether it is true of a message, as far as that can be told without its score.
    ///
    /// What hangs on the score is missing then, which is an error like any other; and `&&` and
    /// `||` do not mind an error on one side where the other settles it.
    pub fn foretold(&self, policy: &Policy, seen: &Seen) -> Option<bool> {
        let facts = Facts { policy, seen, known: None };
        match self.evaluate(&facts) {
            Ok(holds) => Some(holds),
            Err(_) if self.hears => None,
            // A score would not mend it.
            Err(_) => Some(false),
        }
    }

    /// # Errors
    /// Why it could not be told; it does not apply then.
    pub fn applies(&self, policy: &Policy, seen: &Seen, so_far: SoFar) -> Result<bool, String> {
        let facts = Facts { policy, seen, known: Some(so_far) };
        match self.evaluate(&facts) {
            Ok(holds) => Ok(holds),
            // A head without a score: there is nothing to hold it against, and nothing is wrong.
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(cause) => Err(cause.to_string()),
        }
    }

    fn evaluate(&self, facts: &Facts) -> Result<bool, ExecutionError> {
        let mut context = Context::with_env(ENV.clone());
        context.set_variable_resolver(facts);
        let value = Value::resolve_val(self.program.expression(), &context)?;
        let holds = value.downcast_ref::<CelBool>().map(|holds| *holds.inner());
        holds.ok_or_else(|| ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "bool".to_owned(),
        })
    }
}

/// What a condition may know of the judgement so far.
#[derive(Clone, Copy)]
pub(super) struct SoFar<'a> {
    pub verdict: Verdict,
    pub findings: &'a [Finding],
    pub heard: &'a Heard<'a>,
}
