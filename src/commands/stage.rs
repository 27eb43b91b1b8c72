//! Starts an egress route for one stream's screen and voice, with everything that it needs.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Failure, PortArgs, config,
    run::{language, log, serve},
};
use crate::{
    accounts::Role,
    config::{Config, Mode, RouteConfig},
    demo, listen,
    protocol::{self, PUBLIC},
};

mod words;

use words::{Place, words};

/// The login that is printed.
const MODERATOR: &str = "moderator";
/// The policy in the settings that are written: the preset with room for one's own.
const POLICY: &str = "mine";
/// A stage that is stopped should be gone at once.
const DRAIN_MS: u64 = 300;
const GRACE_MS: u64 = 3_000;

#[derive(Debug, Args)]
pub struct StageArgs {
    /// The chat server: ws:// or wss://
    #[arg(long, value_name = "URL", conflicts_with = "platform")]
    pub upstream: Option<String>,
    /// How the chat server speaks: text, irc, generic, owncast
    #[arg(long, value_name = "NAME", requires = "upstream")]
    pub protocol: Option<String>,
    /// A platform whose chat anybody may read, by name
    #[arg(long, value_name = "NAME", requires = "channel")]
    pub platform: Option<String>,
    /// The channel to show
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
    /// A site whose pages may read the route too (https://example.org); again for each
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Where the settings and what is held are kept
    #[arg(long, value_name = "FOLDER", default_value = "tidegate-stage")]
    pub state: PathBuf,
    /// Print one line of JSON first, when every port answers
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub ports: PortArgs,
}

/// Runs the stage until it is told to stop.
///
/// # Errors
/// `Usage` for arguments that do not fit, `Config` for settings that do not, `No` for a port that
/// is taken or a folder that cannot be written.
pub fn run(args: &StageArgs) -> Result<(), Failure> {
    log("warn");
    let file = args.state.join("tidegate.toml");
    if !file.exists() {
        write(&file, args)?;
    }
    let stage = settings(&file, args)?;
    serve(perform(stage, file, args.json))?
}

/// What is shown, and how.
struct Stage {
    config: Config,
    /// The route and the channel in the overlay's address.
    route: String,
    channel: String,
}

/// Writes the settings of the first start; from then on they are the streamer's.
fn write(file: &Path, args: &StageArgs) -> Result<(), Failure> {
    let Some((upstream, protocol)) = place(args)? else {
        let names: Vec<&str> = PUBLIC.iter().map(|public| public.name).collect();
        return Err(Failure::Usage(format!(
            "which chat? --platform {} --channel NAME, or --upstream URL",
            names.join("|")
        )));
    };
    let no = |cause: io::Error| Failure::No(format!("{}: {cause}", file.display()));
    let state = std::path::absolute(&args.state).map_err(no)?;
    let channel = named(args, &upstream, &protocol)?;
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let channels = match channel.is_empty() {
        true => String::new(),
        false => format!("\n[route.channels]\n{} = {}\n", quoted(&channel), quoted(POLICY)),
    };
    let text = include_str!("stage/settings.toml")
        .replace("{state}", &quoted(&state.display().to_string()))
        .replace("{upstream}", &quoted(&upstream))
        .replace("{protocol}", &quoted(&protocol))
        .replace("{channels}", &channels);
    // Wrong settings are said so before a file of them is in the way of the next try.
    Config::parse(&text, "tidegate.toml").map_err(|problems| {
        Failure::Usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&state).map_err(no)?;
    let mut open = fs::OpenOptions::new();
    let mut out = open.write(true).create_new(true).mode(0o600).open(file).map_err(no)?;
    io::Write::write_all(&mut out, text.as_bytes()).map_err(no)
}

/// Where the chat is and how it speaks, where the arguments say so.
fn place(args: &StageArgs) -> Result<Option<(String, String)>, Failure> {
    if let Some(upstream) = &args.upstream {
        let protocol = args.protocol.clone().unwrap_or(RouteConfig::default().protocol);
        return Ok(Some((upstream.clone(), protocol)));
    }
    let Some(name) = &args.platform else { return Ok(None) };
    let public = PUBLIC.iter().find(|public| public.name == name).ok_or_else(|| {
        let names: Vec<&str> = PUBLIC.iter().map(|public| public.name).collect();
        Failure::Usage(format!("platform {name:?} is not one of {}", names.join(", ")))
    })?;
    Ok(Some((public.upstream.to_owned(), public.protocol.to_owned())))
}

/// The channel as messages carry it; empty where none is asked for.
fn named(args: &StageArgs, upstream: &str, protocol: &str) -> Result<String, Failure> {
    let Some(channel) = &args.channel else { return Ok(String::new()) };
    let route = RouteConfig {
        upstream: upstream.to_owned(),
        protocol: protocol.to_owned(),
        mode: Mode::Egress,
        ..RouteConfig::default()
    };
    let dialect = protocol::dialect(&route).map_err(Failure::Usage)?;
    let reader = dialect.reader(channel, 0);
    reader.map(|reader| reader.channel).map_err(|cause| Failure::Usage(cause.to_owned()))
}

/// The file's settings, and over them what the arguments say.
fn settings(file: &Path, args: &StageArgs) -> Result<Stage, Failure> {
    let mut config = config::load(file)?;
    args.ports.apply(&mut config);
    (config.listen.drain_ms, config.listen.grace_ms) = (DRAIN_MS, GRACE_MS);
    let stages = config.route.iter_mut().filter(|route| route.mode == Mode::Egress);
    let Some(route) = stages.into_iter().next() else {
        let cause = format!("{}: no route has mode = \"egress\"", file.display());
        return Err(Failure::Config(vec![cause]));
    };
    if let Some((upstream, protocol)) = place(args)? {
        (route.upstream, route.protocol) = (upstream, protocol);
    }
    route.origins.extend(args.origin.iter().cloned());
    let channel = match &args.channel {
        Some(_) => named(args, &route.upstream, &route.protocol)?,
        None => route.channels.keys().next().cloned().unwrap_or_default(),
    };
    let route = route.name().to_owned();
    let wrong = config.check().into_iter().chain(config::protocols(&config));
    let wrong: Vec<String> = wrong.map(|(key, cause)| format!("{key}: {cause}")).collect();
    match wrong.is_empty() {
        true => Ok(Stage { config, route, channel }),
        false => Err(Failure::Usage(wrong.join("\n"))),
    }
}

async fn perform(stage: Stage, file: PathBuf, as_json: bool) -> Result<(), Failure> {
    let no = |cause: &dyn std::fmt::Display| Failure::No(cause.to_string());
    let heard = |kind| signal(kind).map_err(|cause| no(&cause));
    // Ready for signals before anybody is told that it runs.
    let mut interrupted = heard(SignalKind::interrupt())?;
    let mut terminated = heard(SignalKind::terminate())?;
    let _hangup = heard(SignalKind::hangup())?;
    let many = stage.config.route.iter().filter(|route| route.mode == Mode::Egress).count() > 1;
    let Stage { config, route, channel } = stage;
    let path = config.route.iter().find(|own| own.name() == route).map(|own| own.path.clone());
    let running = listen::start(config, Some(file.clone())).await.map_err(|cause| match cause {
        listen::StartError::Config(wrong) => Failure::Config(wrong),
        other => Failure::No(other.to_string()),
    })?;
    let password = demo::password().map_err(|cause| no(&cause))?;
    let added = running.accounts.add(MODERATOR, Role::Moderator, &password, true).await;
    if let Err(cause) = added {
        running.stop().await;
        return Err(no(&cause));
    }
    let place = Place {
        overlay: overlay(running.console, many.then_some(route.as_str()), &channel),
        chat: format!("ws://{}{}", here(running.chat), path.unwrap_or_default()),
        console: format!("http://{}", here(running.console)),
        admin: format!("http://{}", here(running.admin)),
        password,
        settings: file.display().to_string(),
    };
    announce(&place, as_json);
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    running.stop().await;
    Ok(())
}

fn announce(place: &Place, as_json: bool) {
    let text = match as_json {
        true => json!({
            "overlay": place.overlay,
            "chat": place.chat,
            "console": place.console,
            "admin": place.admin,
            "login": { "name": MODERATOR, "password": place.password },
            "settings": place.settings,
        })
        .to_string(),
        false => words(language()).welcome(place, MODERATOR),
    };
    let mut out = io::stdout().lock();
    // Whoever read the output may have gone, which ends nothing here.
    let _ = io::Write::write_all(&mut out, format!("{text}\n").as_bytes())
        .and_then(|()| io::Write::flush(&mut out));
}

/// The address to put into a streaming program.
fn overlay(console: SocketAddr, route: Option<&str>, channel: &str) -> String {
    let mut query = Vec::new();
    query.extend(route.map(|route| format!("route={}", encoded(route))));
    // The page puts back the sign that would end an address.
    let bare = channel.strip_prefix('#').unwrap_or(channel);
    query.extend((!bare.is_empty()).then(|| format!("channel={}", encoded(bare))));
    let query = query.join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("http://{}/stage/{mark}{query}", here(console))
}

/// By which address this machine reaches what listens there.
fn here(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
        false => address,
    }
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encode = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::LOOPBACK, message::Language};

    #[test]
    fn the_overlays_address_can_be_pasted() {
        let check = |address: &str, route, channel, expected: &str| {
            assert_eq!(overlay(address.parse().unwrap(), route, channel), expected);
        };
        check("127.0.0.1:7401", None, "", "http://127.0.0.1:7401/stage/");
        check("0.0.0.0:80", None, "#ana", "http://127.0.0.1:80/stage/?channel=ana");
        let both = "http://127.0.0.1:1/stage/?route=my%20stage&channel=%C3%A9%26";
        check("127.0.0.1:1", Some("my stage"), "é&", both);
    }

    #[test]
    fn the_settings_that_are_written_load() {
        let text = include_str!("stage/settings.toml")
            .replace("{state}", "\"here\"")
            .replace("{upstream}", "\"ws://127.0.0.1:1\"")
            .replace("{protocol}", "\"generic\"")
            .replace("{channels}", "\n[route.channels]\n\"main\" = \"mine\"\n");
        let config = Config::parse(&text, "tidegate.toml").unwrap();
        assert_eq!(config.route[0].origins, [LOOPBACK]);
        assert_eq!(config.policy[POLICY].preset.as_deref(), Some("stage"));
        // Every example that can be switched on is one that loads.
        let example =
            |line: &str| line.strip_prefix('#').is_some_and(|rest| !rest.starts_with(' '));
        let open = text.lines().map(|line| if example(line) { &line[1..] } else { line });
        Config::parse(&open.collect::<Vec<_>>().join("\n"), "tidegate.toml").unwrap();
    }

    #[test]
    fn both_languages_name_every_place() {
        let place = Place {
            overlay: "overlay".into(),
            chat: "chat".into(),
            console: "console".into(),
            admin: "admin".into(),
            password: "password".into(),
            settings: "settings".into(),
        };
        for language in [Language::En, Language::Fr] {
            let text = words(language).welcome(&place, MODERATOR);
            for part in ["overlay", "chat", "console", "password", "settings", MODERATOR] {
                assert!(text.contains(part), "{language:?}: {part}");
            }
        }
    }
}
