//! Checks an expression's names, types and cost before it is let near a message.

use std::fmt;

use cel::{
    Program,
    common::ast::{
        CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators as op,
    },
};

use crate::message::{Category, Head, Role};

/// Deeper than anybody reads; what recurses over an expression stays shallow.
const NESTING_MAX: usize = 16;
/// Entries of a list that stands in an expression.
const LIST_MAX: usize = 64;
/// Steps of one evaluation at most: some microseconds.
const COST_MAX: usize = 1_000;

const VERDICTS: &[&str] = &["pass", "mask", "hold", "drop"];
const MODES: &[&str] = &["inline", "egress", "bot", "hook"];
const ROLES: &[&str] = &Role::NAMES;

/// What an expression is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Bool,
    Int,
    Double,
    Text,
    /// A text that is one of few.
    Word(&'static [&'static str]),
    /// A list of texts, of words, of whole numbers or of fractions.
    Texts,
    Words(&'static [&'static str]),
    Ints,
    Doubles,
    /// By category, each there.
    Categories,
    /// By head, where there is a score.
    Scores,
    /// What has parts and is nothing itself.
    Sender,
    Message,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "a bool",
            Type::Int => "an int",
            Type::Double => "a double",
            Type::Text | Type::Word(_) => "a string",
            Type::Texts | Type::Words(_) | Type::Ints | Type::Doubles => "a list",
            Type::Categories | Type::Scores => "a map",
            Type::Sender => "the sender",
            Type::Message => "the text",
        })
    }
}

impl Type {
    fn is_text(self) -> bool {
        matches!(self, Type::Text | Type::Word(_))
    }

    fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Double)
    }

    /// Whether two of them can be equal.
    fn fits(self, other: Type) -> bool {
        self == other || (self.is_text() && other.is_text())
    }

    fn element(self) -> Option<Type> {
        match self {
            Type::Texts => Some(Type::Text),
            Type::Words(words) => Some(Type::Word(words)),
            Type::Ints => Some(Type::Int),
            Type::Doubles => Some(Type::Double),
            _ => None,
        }
    }

    fn list(self) -> Option<Type> {
        match self {
            Type::Text | Type::Word(_) => Some(Type::Texts),
            Type::Int => Some(Type::Ints),
            Type::Double => Some(Type::Doubles),
            _ => None,
        }
    }
}

/// Refuses brackets that are too deep before anything recurses over them.
pub(super) fn nesting(source: &str) -> Result<(), String> {
    let (mut depth, mut deepest) = (0usize, 0);
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    match deepest > NESTING_MAX {
        true => Err(format!("is nested more than {NESTING_MAX} deep")),
        false => Ok(()),
    }
}

/// Whether anything in it hangs on the score.
///
/// # Errors
/// Where something is wrong, and what.
pub(super) fn check(program: &Program, source: &str) -> Result<bool, String> {
    let mut check = Check { scope: Vec::new(), hears: false, depth: 0 };
    let root = program.expression();
    let place = |id: u64| {
        let offset = program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
        let before = source.char_indices().take_while(|(at, _)| *at < offset);
        let before: Vec<char> = before.map(|(_, c)| c).collect();
        let line = 1 + before.iter().filter(|c| **c == '\n').count();
        let column = 1 + before.iter().rev().take_while(|c| **c != '\n').count();
        format!("{line}:{column}")
    };
    match check.of(root) {
        Err(Wrong { at, cause }) => Err(format!("{}: {cause}", place(at))),
        Ok((Type::Bool, cost)) if cost <= COST_MAX => Ok(check.hears),
        Ok((Type::Bool, _)) => Err(format!("could take more than {COST_MAX} steps")),
        Ok((other, _)) => Err(format!("must be true or false, and is {other}")),
    }
}

struct Wrong {
    at: u64,
    cause: String,
}

/// A type, and the steps that it takes to come to a value.
type Checked = Result<(Type, usize), Wrong>;

struct Check<'a> {
    /// The variables of `exists` and `all`, innermost last.
    scope: Vec<(&'a str, Type)>,
    hears: bool,
    depth: usize,
}

fn wrong(at: u64, cause: impl Into<String>) -> Checked {
    Err(Wrong { at, cause: cause.into() })
}

impl<'a> Check<'a> {
    fn of(&mut self, node: &'a IdedExpr) -> Checked {
        self.depth += 1;
        // A chain of operators is one step deeper with each.
        if self.depth > 4 * NESTING_MAX {
            return wrong(node.id, "is nested too deep");
        }
        let checked = match &node.expr {
            Expr::Literal(literal) => literal_type(literal).map_or_else(
                || wrong(node.id, "only strings, numbers, true and false can be named"),
                |own| Ok((own, 1)),
            ),
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => self.select(node.id, select),
            Expr::List(list) => self.list(node.id, &list.elements),
            Expr::Call(call) => self.call(node.id, call),
            Expr::Comprehension(fold) => self.fold(node.id, fold),
            Expr::Map(_) | Expr::Struct(_) => wrong(node.id, "maps and messages cannot be made"),
            Expr::Unspecified => wrong(node.id, "is empty"),
        };
        self.depth -= 1;
        checked
    }

    fn variable(&mut self, at: u64, name: &str) -> Checked {
        if let Some((_, own)) = self.scope.iter().rev().find(|(own, _)| *own == name) {
            return Ok((*own, 1));
        }
        self.hears |= matches!(name, "verdict" | "categories" | "scores" | "scored");
        Ok(match name {
            "verdict" => (Type::Word(VERDICTS), 1),
            "mode" => (Type::Word(MODES), 1),
            "channel" | "route" => (Type::Text, 1),
            "scored" | "shield" => (Type::Bool, 1),
            "categories" => (Type::Categories, Category::ALL.len()),
            "scores" => (Type::Scores, Head::ALL.len()),
            "sender" => (Type::Sender, 1),
            "text" => (Type::Message, 1),
            _ => {
                let known = "categories, verdict, scores, scored, sender.roles, sender.first, \
                             sender.newcomer, sender.trusted, sender.messages, sender.repeats, \
                             text.length, text.words, channel, route, mode, shield";
                return wrong(at, format!("there is no {name:?} (there are {known})"));
            }
        })
    }

    fn select(&mut self, at: u64, select: &'a SelectExpr) -> Checked {
        let (of, _) = self.of(&select.operand)?;
        let field = select.field.as_str();
        let own = match (of, field) {
            (Type::Sender, "first" | "newcomer" | "trusted") => Type::Bool,
            (Type::Sender, "messages" | "repeats") => Type::Int,
            (Type::Sender, "roles") => Type::Words(ROLES),
            (Type::Message, "length" | "words") => Type::Int,
            (Type::Categories, name) if Category::named(name).is_some() => Type::Int,
            (Type::Scores, name) if Head::named(name).is_some() => Type::Double,
            (Type::Categories, _) => return wrong(at, format!("there is no category {field:?}")),
            (Type::Scores, _) => return wrong(at, format!("there is no head {field:?}")),
            _ => return wrong(at, format!("{of} has no {field:?}")),
        };
        match (select.test, of) {
            (false, _) => Ok((own, 2)),
            // The others are always there.
            (true, Type::Scores) => Ok((Type::Bool, 2)),
            (true, _) => wrong(at, "has() is for scores alone"),
        }
    }

    fn list(&mut self, at: u64, elements: &'a [IdedExpr]) -> Checked {
        if elements.len() > LIST_MAX {
            return wrong(at, format!("a list of more than {LIST_MAX}"));
        }
        let (mut all, mut cost) = (None, 1);
        for element in elements {
            let (own, steps) = self.of(element)?;
            let Some(list) = own.list() else {
                return wrong(element.id, format!("{own} cannot stand in a list"));
            };
            if *all.get_or_insert(list) != list {
                return wrong(element.id, "a list is of one kind");
            }
            cost += steps;
        }
        match all {
            Some(list) => Ok((list, cost)),
            None => wrong(at, "an empty list has nothing in it"),
        }
    }

    fn call(&mut self, at: u64, call: &'a CallExpr) -> Checked {
        let mut parts: Vec<&'a IdedExpr> = call.target.as_deref().into_iter().collect();
        parts.extend(&call.args);
        let mut types = Vec::with_capacity(parts.len());
        let mut cost = 1;
        for part in &parts {
            let (own, steps) = self.of(part)?;
            cost += steps;
            types.push(own);
        }
        if let (op::EQUALS | op::NOT_EQUALS | op::IN, [a, b]) = (&*call.func_name, &types[..]) {
            words(parts[0], *b).and_then(|()| words(parts[1], *a))?;
        }
        match result(&call.func_name, call.target.is_some(), &types) {
            Ok(own) => Ok((own, cost)),
            Err(cause) => wrong(at, cause),
        }
    }

    /// `exists`, `all` and `exists_one` over a list, as the parser writes them out.
    fn fold(&mut self, at: u64, fold: &'a ComprehensionExpr) -> Checked {
        let (range, mut cost) = self.of(&fold.iter_range)?;
        let Some(element) = range.element() else {
            return wrong(at, format!("{range} is no list to go through"));
        };
        let result = match fold.accu_init.expr {
            Expr::Literal(_) if fold.iter_var2.is_none() => self.of(&fold.accu_init)?.0,
            _ => return wrong(at, "only exists, exists_one and all go through a list"),
        };
        let times = match &fold.iter_range.expr {
            Expr::List(list) => list.elements.len(),
            _ => ROLES.len(),
        };
        self.scope.push((&fold.accu_var, result));
        self.scope.push((&fold.iter_var, element));
        let (goes_on, going) = self.of(&fold.loop_cond)?;
        let (step, stepping) = self.of(&fold.loop_step)?;
        self.scope.pop();
        let (own, last) = self.of(&fold.result)?;
        self.scope.pop();
        if (goes_on, step, own) != (Type::Bool, result, Type::Bool) {
            return wrong(at, format!("asks for true or false of each, and gets {step}"));
        }
        cost += times.saturating_mul(going + stepping) + last;
        Ok((own, cost))
    }
}

fn literal_type(literal: &LiteralValue) -> Option<Type> {
    match literal {
        LiteralValue::Boolean(_) => Some(Type::Bool),
        LiteralValue::Int(_) => Some(Type::Int),
        LiteralValue::Double(_) => Some(Type::Double),
        LiteralValue::String(_) => Some(Type::Text),
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => None,
    }
}

/// Refuses a word that can never be what it is compared with: a slip that would never be true.
fn words(node: &IdedExpr, beside: Type) -> Result<(), Wrong> {
    let (Type::Word(known) | Type::Words(known)) = beside else { return Ok(()) };
    match &node.expr {
        Expr::Literal(LiteralValue::String(word)) if !known.contains(&word.inner()) => {
            let cause = format!("{:?} is not one of {}", word.inner(), known.join(", "));
            Err(Wrong { at: node.id, cause })
        }
        Expr::List(list) => list.elements.iter().try_for_each(|one| words(one, beside)),
        _ => Ok(()),
    }
}

/// What an operator or a function makes of its parts.
fn result(name: &str, of_target: bool, parts: &[Type]) -> Result<Type, String> {
    use Type::{Bool, Categories, Double, Int, Scores};
    let own = match (name, parts) {
        (op::LOGICAL_AND | op::LOGICAL_OR, [Bool, Bool]) => Some(Bool),
        (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [Bool]) => Some(Bool),
        (op::CONDITIONAL, [Bool, a, b]) if a.fits(*b) => Some(if a == b { *a } else { Type::Text }),
        (op::EQUALS | op::NOT_EQUALS, [a, b]) if a.fits(*b) && (a.is_number() || a.is_text()) => {
            Some(Bool)
        }
        (op::EQUALS | op::NOT_EQUALS, [Bool, Bool]) => Some(Bool),
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b])
            if a.is_number() && b.is_number() =>
        {
            Some(Bool)
        }
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, [a, b])
            if a == b && a.is_number() =>
        {
            Some(*a)
        }
        (op::MODULO, [Int, Int]) => Some(Int),
        (op::NEGATE, [a]) if a.is_number() => Some(*a),
        (op::IN, [a, b]) if b.element().is_some_and(|own| own.fits(*a)) => Some(Bool),
        (op::IN, [a, Scores]) if a.is_text() => Some(Bool),
        (op::INDEX, [Categories, a]) if a.is_text() => Some(Int),
        (op::INDEX, [Scores, a]) if a.is_text() => Some(Double),
        ("size", [a]) if a.is_text() || a.element().is_some() || *a == Scores => Some(Int),
        ("contains" | "startsWith" | "endsWith", [a, b])
            if of_target && a.is_text() && b.is_text() =>
        {
            Some(Bool)
        }
        _ => None,
    };
    own.ok_or_else(|| {
        let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let name = name.trim_matches(['_', '@', '[', ']']);
        let name = name.trim_matches('_');
        match name {
            "" => format!("{} cannot be looked up so", parts.join(" by ")),
            _ => format!("there is no {name} of {}", parts.join(" and ")),
        }
    })
}
