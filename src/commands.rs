//! Names the commands, their arguments and their exit codes; each is one function.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    config::{Config, Keyless, RouteConfig, ScoreConfig},
    history::History,
    metrics::Metrics,
    pipeline::Pipeline,
    rules::Ruleset,
    score::{self, Scorer},
};

pub mod audit;
pub mod config;
pub mod eval;
pub mod import;
pub mod judge;
mod run;
mod running;
pub mod secret;
pub mod stage;
pub mod upgrade;
pub mod user;

/// A gate in the path of a livestream chat: passes, masks, holds or drops each message.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product on this machine, with nothing to set up
    Demo(DemoArgs),
    /// Run the proxy, the console, the API and the admin port
    Run(RunArgs),
    /// Let a new version of the program take over from the running one, without a closed door
    Upgrade(upgrade::UpgradeArgs),
    /// Show a chat on a stream and read it aloud: only what passed, without an account
    Stage(stage::StageArgs),
    /// Judge standard input line by line; one JSON object a line comes back
    Judge(judge::JudgeArgs),
    /// Measure detection on labelled rows
    Eval(eval::EvalArgs),
    /// Turn another place's blocked terms into word lists, and say what will match differently
    Import(import::ImportArgs),
    /// Check the log of what was decided, or erase a sender's texts
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Print a settings file
    Config {
        /// Every setting with its default and a comment; it loads unchanged
        #[arg(long = "default", required = true)]
        default_file: bool,
    },
    /// Say everything that is wrong with a settings file, with line and key
    CheckConfig { file: PathBuf },
    /// Print the keyed hash of a secret (a name, a town) for `personal.secrets` of a policy
    Secret(secret::SecretArgs),
    /// Keep console accounts and programs' tokens
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
}

impl Command {
    fn asks_a_model(&self) -> bool {
        match self {
            Command::Demo(_) | Command::Run(_) | Command::Stage(_) => true,
            Command::CheckConfig { .. } => true,
            Command::Judge(args) => !args.no_model,
            Command::Eval(args) => !args.no_model,
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Play no chat
    #[arg(long)]
    pub quiet: bool,
    /// Print one line of JSON first, when every port answers
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub ports: PortArgs,
    /// Where the demo's chat room listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7403")]
    pub room: SocketAddr,
}

/// Where Tidegate listens; port 0 takes a free one.
#[derive(Clone, Debug, Default, Args)]
pub struct PortArgs {
    /// Chat clients connect here [default: 127.0.0.1:7400]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// The console and the API [default: 127.0.0.1:7401]
    #[arg(long, value_name = "ADDR")]
    pub console: Option<SocketAddr>,
    /// Health and metrics [default: 127.0.0.1:7402]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
}

impl PortArgs {
    /// Flags are stronger than the file.
    pub fn apply(&self, config: &mut Config) {
        let listen = &mut config.listen;
        listen.chat = self.listen.unwrap_or(listen.chat);
        listen.console = self.console.unwrap_or(listen.console);
        listen.admin = self.admin.unwrap_or(listen.admin);
    }
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The settings file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["upstream", "protocol"])]
    pub config: Option<PathBuf>,
    /// The chat server, where no settings file names one: ws:// or wss://
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// How the chat server speaks: text, irc, generic, owncast
    #[arg(long, value_name = "NAME", requires = "upstream")]
    pub protocol: Option<String>,
    /// Programs on this machine need no token to ask for verdicts
    #[arg(long)]
    pub keyless: bool,
    #[command(flatten)]
    pub ports: PortArgs,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify the chain and name the first bad record
    Verify {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Erase what is stored of one sender's texts; the record of decisions stays
    Erase {
        /// The route's name; its path where it has none
        #[arg(long)]
        route: String,
        /// The sender's id, as the record has it
        #[arg(long, value_name = "ID")]
        sender: String,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a console account; the password is asked for, or read from standard input
    Add {
        name: String,
        #[arg(long)]
        role: UserRole,
        /// Only in this channel, as its messages name it; may be given more than once
        #[arg(long, value_name = "ROUTE=CHANNEL")]
        channel: Vec<String>,
        /// Give an account that exists this role and a new password
        #[arg(long)]
        replace: bool,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// List the console accounts: names, roles and when they were made
    List {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Remove a console account; whoever is logged in by it is logged out
    Remove {
        name: String,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a new token with which a program may call the API; it is shown once
    Token {
        name: String,
        /// What it may do, comma-separated
        #[arg(long, value_delimiter = ',', default_value = "judge")]
        scope: Vec<TokenScope>,
        /// For how many days it is good; without it until it is taken back
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// List the tokens: names, scopes, when they were made and end, never what they are
    Tokens {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Take back every token of a name
    Revoke {
        name: String,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenScope {
    Judge,
    Read,
    Decide,
    Hook,
    Appeal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    Viewer,
    Moderator,
    Admin,
}

/// Why a command ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The answer is no, or the machine did not let us.
    #[error("{0}")]
    No(String),
    #[error("{0}")]
    Usage(String),
    /// Everything that is wrong with the settings, one a line.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// The same, where that was the question.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

impl Failure {
    /// Stable: scripts rely on it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::No(_) | Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Config(_) => 64,
        }
    }
}

/// Prints what went wrong to standard error.
pub fn complain(failure: &Failure) {
    // Nobody is left to hear that nobody is left to hear.
    let _ = match failure {
        Failure::Refused(_) => writeln!(io::stderr(), "{failure}"),
        _ => writeln!(io::stderr(), "tidegate: {failure}"),
    };
}

/// Does what the arguments say.
///
/// # Errors
/// Why it could not be done; the failure knows its exit code.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.command.asks_a_model() {
        score::ensure_silence();
    }
    match arguments.command {
        Command::Demo(args) => run::demo(&args),
        Command::Run(args) => run::run(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Stage(args) => stage::run(&args),
        Command::Judge(args) => judge::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Audit { command } => audit::run(command),
        Command::Config { .. } => config::print_default(),
        Command::CheckConfig { file } => config::check(&file),
        Command::Secret(args) => secret::run(&args),
        Command::User { command } => user::run(command),
    }
}

/// Waits for something that is done once, on this thread.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map(|runtime| runtime.block_on(work)).map_err(|cause| Failure::No(cause.to_string()))
}

/// The settings that `run` goes by: the file's, or a route made of the arguments, or none (the
/// console and the API alone).
///
/// # Errors
/// `Config` for a bad file, `Usage` for bad arguments.
pub fn settings(args: &RunArgs) -> Result<Config, Failure> {
    let mut config = match (&args.config, &args.upstream) {
        (Some(path), _) => config::load(path)?,
        (None, upstream) => {
            let route = upstream.iter().map(|upstream| RouteConfig {
                upstream: upstream.clone(),
                protocol: args.protocol.clone().unwrap_or(RouteConfig::default().protocol),
                ..RouteConfig::default()
            });
            Config { route: route.collect(), ..Config::default() }
        }
    };
    args.ports.apply(&mut config);
    if args.keyless {
        config.api.keyless = Keyless::Loopback;
    }
    let wrong = config.check().into_iter().chain(config::protocols(&config));
    let wrong: Vec<String> = wrong.map(|(key, cause)| format!("{key}: {cause}")).collect();
    match wrong.is_empty() {
        true => Ok(config),
        false => Err(Failure::Usage(wrong.join("\n"))),
    }
}

/// The settings of a file, or the defaults where none is named.
fn settings_or_default(path: Option<&Path>) -> Result<Config, Failure> {
    path.map_or_else(|| Ok(Config::default()), config::load)
}

/// The longest that a command waits for a score that a chat would not wait for.
const PATIENCE_MS: u64 = 60_000;

/// No chat waits behind a command, and its answers should not depend on what else the machine
/// does.
fn patient(score: &ScoreConfig) -> ScoreConfig {
    ScoreConfig { score_deadline_ms: PATIENCE_MS, ..score.clone() }
}

/// The pipeline of the commands that judge without a socket.
fn pipeline(config: &Config, no_model: bool) -> Result<Pipeline, Failure> {
    run::log("warn");
    let rules = Ruleset::build(config).map_err(Failure::Config)?;
    let scorer = match no_model {
        true => Scorer::none(),
        false => Scorer::open(&patient(&config.score), Arc::new(Metrics::new()))
            .map_err(Failure::Config)?,
    };
    if let Some(about) = scorer.about() {
        // Nobody is left to hear that nobody is left to hear.
        let _ = writeln!(io::stderr(), "{about}");
    }
    let history = Arc::new(History::open(&config.history));
    Ok(Pipeline { rules: Arc::new(ArcSwap::from_pointee(rules)), history, scorer })
}

/// A runtime for one message after the other.
fn one_thread() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(|cause| Failure::No(cause.to_string()))
}
