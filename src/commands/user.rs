//! Adds console accounts and issues tokens, also while the proxy runs.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
};

use hyper::Method;
use serde_json::{Value, json};

use super::{
    Failure, TokenScope, UserCommand, UserRole,
    running::{Place, call, place},
    settings_or_default, wait_for,
};
use crate::{
    accounts::{Accounts, Person, Place as Room, Role, Scope, Token},
    admin::{NewToken, NewUser, OfName},
    config::ConsoleConfig,
    protocol::rfc3339,
};

pub use super::running::CommandError;

/// More than any password; a stream without a line's end is not read for ever.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// # Errors
/// `Config` for settings that cannot be used, `No` with the reason otherwise.
pub fn run(command: UserCommand) -> Result<(), Failure> {
    let no = |error: CommandError| Failure::No(error.to_string());
    match command {
        UserCommand::Add { name, role, channel, replace, config } => {
            let config = settings_or_default(config.as_deref())?;
            let password = read_password(&name).map_err(no)?;
            let role = match role {
                UserRole::Viewer => Role::Viewer,
                UserRole::Moderator => Role::Moderator,
                UserRole::Admin => Role::Admin,
            };
            let place = |named: String| {
                let (route, channel) = named.split_once('=').unwrap_or((&named, ""));
                (route.to_owned(), channel.to_owned())
            };
            let places = channel.into_iter().map(place).collect();
            let new = NewUser { name, role, places, password, replace };
            wait_for(add(&config.state_dir, new))?.map_err(no)
        }
        UserCommand::List { config } => {
            let config = settings_or_default(config.as_deref())?;
            let people = wait_for(people(&config.state_dir))?.map_err(no)?;
            people.iter().try_for_each(|person| print(&listed_person(person)))
        }
        UserCommand::Remove { name, config } => {
            let config = settings_or_default(config.as_deref())?;
            match wait_for(remove(&config.state_dir, &name))?.map_err(no)? {
                true => print("removed"),
                false => Err(Failure::No(format!("there is no account {name}"))),
            }
        }
        UserCommand::Token { name, scope, days, config } => {
            let config = settings_or_default(config.as_deref())?;
            let scopes = scope.into_iter().map(Scope::from).collect();
            let new = NewToken { name, scopes, days };
            let token = wait_for(new_token(&config.state_dir, new))?.map_err(no)?;
            print(&token)
        }
        UserCommand::Tokens { config } => {
            let config = settings_or_default(config.as_deref())?;
            let tokens = wait_for(tokens(&config.state_dir))?.map_err(no)?;
            tokens.iter().try_for_each(|token| print(&listed(token)))
        }
        UserCommand::Revoke { name, config } => {
            let config = settings_or_default(config.as_deref())?;
            match wait_for(revoke(&config.state_dir, &name))?.map_err(no)? {
                0 => Err(Failure::No(format!("there is no token {name}"))),
                count => print(&format!("{count} taken back")),
            }
        }
    }
}

fn print(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|cause| Failure::No(cause.to_string()))
}

fn listed(token: &Token) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    let end = token.expires_ms.map(|end| format!("\t{}", rfc3339(end))).unwrap_or_default();
    format!("{}\t{}\t{}{end}", token.name, scopes.join(","), rfc3339(token.created_ms))
}

fn listed_person(Person { name, rights, created_ms, .. }: &Person) -> String {
    let everywhere = rights.role.map_or("-", Role::name);
    let places = rights.places.iter().map(|place| {
        let Room { route, channel, role } = place;
        format!("\t{} in {route:?} {channel:?}", role.name())
    });
    format!("{name}\t{everywhere}\t{}{}", rfc3339(*created_ms), places.collect::<String>())
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Scope {
        match scope {
            TokenScope::Judge => Scope::Judge,
            TokenScope::Read => Scope::Read,
            TokenScope::Decide => Scope::Decide,
            TokenScope::Hook => Scope::Hook,
            TokenScope::Appeal => Scope::Appeal,
        }
    }
}

/// Every token that there is.
///
/// # Errors
/// A store that fails.
pub async fn tokens(state_dir: &Path) -> Result<Vec<Token>, CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => {
            let accounts = Accounts::open(store, &ConsoleConfig::default());
            Ok(accounts.tokens().await?)
        }
        Place::Running(address) => {
            let answer = call(&address, Method::GET, "/control/tokens", Value::Null).await?;
            let strange = |cause: serde_json::Error| CommandError::Unreachable(cause.to_string());
            serde_json::from_value(answer).map_err(strange)
        }
    }
}

/// Every console account.
///
/// # Errors
/// A store that fails.
pub async fn people(state_dir: &Path) -> Result<Vec<Person>, CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => Ok(Accounts::open(store, &ConsoleConfig::default()).list().await?),
        Place::Running(address) => {
            let answer = call(&address, Method::GET, "/control/users", Value::Null).await?;
            let strange = |cause: serde_json::Error| CommandError::Unreachable(cause.to_string());
            serde_json::from_value(answer).map_err(strange)
        }
    }
}

/// Removes an account and ends its sessions; whether there was one.
///
/// # Errors
/// A name that will not do, a store that fails.
pub async fn remove(state_dir: &Path, name: &str) -> Result<bool, CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => {
            Ok(Accounts::open(store, &ConsoleConfig::default()).remove(name).await?)
        }
        Place::Running(address) => {
            let body = json!(OfName { name: name.to_owned() });
            let answer = call(&address, Method::POST, "/control/user/remove", body).await?;
            Ok(answer["removed"] == true)
        }
    }
}

/// Takes back every token of a name; how many there were.
///
/// # Errors
/// A name that will not do, a store that fails.
pub async fn revoke(state_dir: &Path, name: &str) -> Result<usize, CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => {
            let accounts = Accounts::open(store, &ConsoleConfig::default());
            Ok(accounts.revoke_tokens(name).await?)
        }
        Place::Running(address) => {
            let body = json!(OfName { name: name.to_owned() });
            let answer = call(&address, Method::POST, "/control/tokens/revoke", body).await?;
            Ok(answer["revoked"].as_u64().unwrap_or(0) as usize)
        }
    }
}

/// Creates an account, or replaces one where `new.replace` says so.
///
/// # Errors
/// A name or password that will not do, an account that exists, a store that fails.
pub async fn add(state_dir: &Path, new: NewUser) -> Result<(), CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => {
            let accounts = Accounts::open(store, &ConsoleConfig::default());
            Ok(accounts.add(&new.name, new.rights(), &new.password, new.replace).await?)
        }
        Place::Running(address) => {
            call(&address, Method::POST, "/control/user", json!(new)).await.map(drop)
        }
    }
}

/// A new token for a program, good until it is taken back; it cannot be shown again.
///
/// # Errors
/// A name that will not do, a store that fails.
pub async fn token(
    state_dir: &Path,
    name: &str,
    scopes: Vec<Scope>,
) -> Result<String, CommandError> {
    new_token(state_dir, NewToken { name: name.to_owned(), scopes, days: None }).await
}

/// The same, good for as long as `new` says.
///
/// # Errors
/// As above.
pub async fn new_token(state_dir: &Path, new: NewToken) -> Result<String, CommandError> {
    match place(state_dir).await? {
        Place::Here(store) => {
            let accounts = Accounts::open(store, &ConsoleConfig::default());
            Ok(accounts.issue_token_for(&new.name, &new.scopes, new.life()).await?)
        }
        Place::Running(address) => {
            let answer = call(&address, Method::POST, "/control/token", json!(new)).await?;
            let token = answer["token"].as_str().map(str::to_owned);
            token.ok_or_else(|| CommandError::Unreachable("the answer holds no token".into()))
        }
    }
}

/// Asks for a password without showing it; from a pipe it is the first line.
///
/// # Errors
/// The terminal or standard input cannot be read, or two entries differ.
pub fn read_password(name: &str) -> Result<String, CommandError> {
    read_hidden(format!("Password for {name}: "))
}

/// The same under another question.
///
/// # Errors
/// As above.
pub(super) fn read_hidden(question: String) -> Result<String, CommandError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return first_line(stdin.lock()).map_err(CommandError::Password);
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map_err(CommandError::Password);
    let password = ask(question)?;
    if ask("Once more: ".into())? != password {
        return Err(CommandError::Password(io::Error::other("the two entries differ")));
    }
    Ok(password)
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(PASSWORD_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_stands() {
        let table = [
            (&b"correct horse\n"[..], "correct horse"),
            (b"correct horse", "correct horse"),
            (b" spaces stay \r\nnot this", " spaces stay "),
            (b"", ""),
        ];
        for (input, expected) in table {
            assert_eq!(first_line(input).unwrap(), expected);
        }
        assert!(first_line(&b"\xff\n"[..]).is_err(), "not UTF-8");
        assert_eq!(first_line(&[b'a'; 9999][..]).unwrap().len(), 4096);
    }
}
