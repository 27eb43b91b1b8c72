//! Tries rulesets: built from settings and word lists, versioned, reloaded whole or refused.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tidegate::{
    config::Config,
    decide::armed_line,
    history::History,
    message::{Category, Message, Severity, Verdict},
    metrics::Metrics,
    pipeline::Pipeline,
    rules::{Outcome, Reloader, Ruleset, reload_on_change, secret_key},
    score::Scorer,
};

/// A settings file with one word list beside it.
struct Setup {
    folder: PathBuf,
    settings: PathBuf,
    list: PathBuf,
}

impl Setup {
    fn new(name: &str) -> Setup {
        let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        let list = folder.join("lists/xx/hate.txt");
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(&list, "4 word blorp\n").unwrap();
        let setup = Setup { settings: folder.join("tidegate.toml"), folder, list };
        setup.settings("");
        setup
    }

    fn settings(&self, more: &str) {
        let lists = self.folder.join("lists");
        let text = format!("[wordlists]\nembedded = false\npaths = [{lists:?}]\n{more}");
        fs::write(&self.settings, text).unwrap();
    }

    fn config(&self) -> Config {
        Config::read(&self.settings).unwrap()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn verdict(rules: &Arc<ArcSwap<Ruleset>>, route: &str, text: &str) -> Verdict {
    let history = Arc::new(History::new(100));
    let pipeline = Pipeline { rules: rules.clone(), history, scorer: Scorer::none() };
    let text = text.to_owned();
    let message = Message { route: route.into(), text, at_ms: 1, ..Message::default() };
    pipeline.judge(&message).await.verdict
}

#[tokio::test]
async fn routes_are_judged_by_their_policies() {
    let setup = Setup::new("routes");
    setup.settings(
        "[policy.soft.hate]\naction = [\"pass\", \"pass\", \"pass\", \"hold\"]\n\
         [[route]]\nname = \"a\"\npath = \"/a\"\nupstream = \"ws://h\"\npolicy = \"soft\"\n\
         [[route]]\npath = \"/b\"\nupstream = \"ws://h\"\npolicy = \"off\"\n",
    );
    let rules = Arc::new(ArcSwap::from_pointee(Ruleset::build(&setup.config()).unwrap()));
    for (route, expected) in
        [("a", Verdict::Hold), ("/b", Verdict::Pass), ("elsewhere", Verdict::Drop)]
    {
        assert_eq!(verdict(&rules, route, "oh BLORP!").await, expected, "{route}");
        assert_eq!(verdict(&rules, route, "oh well").await, Verdict::Pass, "{route}");
    }
}

#[test]
fn versions_follow_what_judges() {
    let setup = Setup::new("versions");
    let version = || Ruleset::build(&setup.config()).unwrap().version;
    let first = version();
    assert_eq!(first.len(), 12);
    assert!(first.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(version(), first);
    setup.settings("# a comment\n[hold]\nheld_max = 7\n");
    assert_eq!(version(), first, "what does not judge changes nothing");
    setup.settings("[policy.standard]\nhold_ms = 7000\n");
    let second = version();
    assert_ne!(second, first);
    fs::write(&setup.list, "3 word blorp\n").unwrap();
    assert_ne!(version(), second);
}

#[test]
fn every_bad_list_is_named() {
    let setup = Setup::new("badlists");
    fs::write(&setup.list, "4 word blorp\nloud noises\n").unwrap();
    let other = setup.list.with_file_name("threat.txt");
    fs::write(&other, "9 word blorp\n").unwrap();
    let errors = Ruleset::build(&setup.config()).err().expect("both are bad").join("\n");
    for part in ["hate.txt:2: ", "threat.txt:1: "] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
}

/// Without its key a channel's secrets guard nothing: a damaged one must stop the start, and
/// must not be made anew: the lines in the settings would be worth nothing.
#[test]
fn a_damaged_key_is_refused_and_left_as_it_is() {
    let setup = Setup::new("secretkey");
    let (folder, file) = (&setup.folder, setup.folder.join("secrets.key"));
    assert!(secret_key::load(folder).is_err(), "there is none yet");
    let key = secret_key::load_or_make(folder).unwrap();
    let line = armed_line(&key, "halgrim voss").unwrap();
    let again = secret_key::load_or_make(folder).unwrap();
    assert_eq!(armed_line(&again, "halgrim voss").unwrap(), line, "another key");

    setup.settings(&format!("[policy.own.personal]\nsecrets = [{line:?}]\n"));
    let config = Config { state_dir: folder.clone(), ..setup.config() };
    assert!(Ruleset::build(&config).is_ok());
    let good = fs::read_to_string(&file).unwrap();
    let bad = ["", "no key", &good[..20], &good.repeat(4), &"A".repeat(64), "\u{e9}"];
    for text in bad {
        fs::write(&file, text).unwrap();
        assert!(secret_key::load_or_make(folder).is_err(), "{text:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "it was written over");
        let causes = Ruleset::build(&config).err().expect("no key").join("\n");
        assert!(causes.starts_with("policy.own.personal.secrets: "), "{causes}");
        assert!(causes.contains("secrets.key") && !causes.contains(good.trim()), "{causes}");
    }
    // A key, and not the one that the line was made with.
    fs::remove_file(&file).unwrap();
    secret_key::load_or_make(folder).unwrap();
    let causes = Ruleset::build(&config).err().expect("another key").join("\n");
    assert!(causes.starts_with("policy.own.personal.secrets: number 1 "), "{causes}");
}

struct Watched {
    setup: Setup,
    rules: Arc<ArcSwap<Ruleset>>,
    metrics: Arc<Metrics>,
    reloader: Reloader,
}

async fn watched(name: &str, settings: &str) -> Watched {
    let setup = Setup::new(name);
    setup.settings(settings);
    let config = setup.config();
    let rules = Arc::new(ArcSwap::from_pointee(Ruleset::build(&config).unwrap()));
    let metrics = Arc::new(Metrics::new());
    let (path, swap) = (setup.settings.clone(), rules.clone());
    let reloader = Reloader::new(path, config, swap, Scorer::none(), metrics.clone()).await;
    Watched { setup, rules, metrics, reloader }
}

impl Watched {
    /// Two looks: a change is taken when it has stayed for one.
    async fn look(&mut self) -> Outcome {
        assert_eq!(self.reloader.step(false).await, Outcome::Unchanged, "not settled yet");
        self.reloader.step(false).await
    }

    async fn verdict(&self, text: &str) -> Verdict {
        verdict(&self.rules, "", text).await
    }

    fn counted(&self, result: &str) -> u64 {
        let text = self.metrics.render();
        let line = format!("tidegate_reloads_total{{result=\"{result}\"}} ");
        text.lines().find_map(|l| l.strip_prefix(&line)).map_or(0, |n| n.parse().unwrap())
    }
}

#[tokio::test]
async fn changes_are_loaded_and_bad_ones_refused() {
    let mut w = watched("reload", "").await;
    assert_eq!(w.look().await, Outcome::Unchanged);

    fs::write(&w.setup.list, "4 word blorp\n4 word snarf\n").unwrap();
    assert_eq!(w.verdict("snarf").await, Verdict::Pass);
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(w.verdict("snarf").await, Verdict::Drop);

    let before = w.rules.load().version.clone();
    fs::write(&w.setup.list, "4 word blorp\nloud noises\n").unwrap();
    let Outcome::Refused(causes) = w.look().await else { panic!("a bad list was loaded") };
    assert!(causes[0].contains("hate.txt:2: "), "{causes:?}");
    assert_eq!(w.rules.load().version, before);
    assert_eq!(w.verdict("snarf").await, Verdict::Drop);
    assert_eq!(w.look().await, Outcome::Unchanged, "a bad file is refused once");

    w.setup.settings("colour = 1\n");
    assert!(matches!(w.look().await, Outcome::Refused(_)));
    fs::remove_file(&w.setup.settings).unwrap();
    assert!(matches!(w.look().await, Outcome::Refused(_)));
    assert_eq!(w.verdict("blorp").await, Verdict::Drop);

    fs::write(&w.setup.list, "1 word blorp\n").unwrap();
    w.setup.settings("[policy.standard.hate]\naction = [\"hold\", \"hold\", \"hold\", \"hold\"]\n");
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(w.verdict("blorp").await, Verdict::Hold);
    assert_eq!((w.counted("ok"), w.counted("refused")), (2, 3));
}

#[tokio::test]
async fn a_signal_loads_at_once() {
    let mut w = watched("signal", "").await;
    fs::write(&w.setup.list, "4 word snarf\n").unwrap();
    assert_eq!(w.reloader.step(true).await, Outcome::Loaded);
    assert_eq!(w.verdict("snarf").await, Verdict::Drop);
    assert_eq!(w.reloader.step(true).await, Outcome::Loaded, "also when nothing has changed");
    assert_eq!(w.reloader.step(false).await, Outcome::Unchanged);
}

#[tokio::test]
async fn new_lists_are_watched_from_then_on() {
    let mut w = watched("newlists", "").await;
    // A list says its category by its name.
    let hate = w.setup.folder.join("hate.txt");
    fs::write(&hate, "4 word snarf\n").unwrap();
    let text = format!("[wordlists]\nembedded = false\npaths = [{hate:?}]\n");
    fs::write(&w.setup.settings, text).unwrap();
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(
        (w.verdict("snarf").await, w.verdict("blorp").await),
        (Verdict::Drop, Verdict::Pass)
    );
    fs::write(&hate, "# and no longer the other\n4 word blorp\n").unwrap();
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(w.verdict("blorp").await, Verdict::Drop);
}

#[tokio::test]
async fn a_running_route_keeps_a_policy() {
    let route = |name: &str, policy: &str| {
        format!("[[route]]\nname = {name:?}\nupstream = \"ws://h\"\npolicy = {policy:?}\n")
    };
    let mut w =
        watched("keeps", &format!("[policy.mine]\npreset=\"off\"\n{}", route("a", "mine"))).await;
    assert_eq!(verdict(&w.rules, "a", "blorp").await, Verdict::Pass);
    // The route is renamed and its policy gone: until the restart both go on as they were.
    w.setup.settings(&route("b", "strict"));
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(verdict(&w.rules, "a", "blorp").await, Verdict::Pass);
    // Its policy alone is another: that is taken over.
    w.setup.settings(&route("a", "strict"));
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(verdict(&w.rules, "a", "blorp").await, Verdict::Drop);
    // So are its channels' and the floor.
    let more = "[route.channels]\nlobby = \"mine\"\n[policy.mine]\npreset = \"off\"\n\
                [floor.hate]\naction = [\"mask\", \"mask\", \"mask\", \"mask\"]\n";
    w.setup.settings(&(route("a", "strict") + more));
    assert_eq!(w.look().await, Outcome::Loaded);
    let rules = w.rules.load();
    let lobby = rules.policy("a", "lobby");
    let severity = Severity::new(1).unwrap();
    assert_eq!((&*lobby.name, lobby.action(Category::Hate, severity)), ("mine", Verdict::Mask));
    assert_eq!(&*rules.policy("a", "elsewhere").name, "strict");
}

/// Time is paused: it jumps to the next look as soon as nothing else is to be done.
#[tokio::test(start_paused = true)]
async fn the_clock_alone_finds_a_change() {
    let setup = Setup::new("clock");
    let config = setup.config();
    let rules = Arc::new(ArcSwap::from_pointee(Ruleset::build(&config).unwrap()));
    let first = rules.load().version.clone();
    let (path, swap) = (setup.settings.clone(), rules.clone());
    let watch = reload_on_change(path, config, swap, Scorer::none(), Arc::new(Metrics::new()));
    let watch = tokio::spawn(watch);
    let mut looks = tokio::time::interval(Duration::from_secs(5));
    // The first look is over when the clock has gone on; then the list changes.
    looks.tick().await;
    looks.tick().await;
    fs::write(&setup.list, "4 word snarf\n").unwrap();
    let mut left = 100;
    while rules.load().version == first {
        assert!(left > 0, "the change was never found");
        left -= 1;
        looks.tick().await;
    }
    assert_eq!(verdict(&rules, "", "snarf").await, Verdict::Drop);
    assert!(!watch.is_finished());
    watch.abort();
}

/// As a mounted Kubernetes config map changes: a link to a folder is swapped, the files' own
/// times and lengths may be the same.
#[cfg(unix)]
#[tokio::test]
async fn a_swapped_link_is_a_change() {
    use std::os::unix::fs::symlink;
    let mut w = watched("links", "").await;
    let root = w.setup.folder.join("map");
    for (version, word) in [("v1", "snarf"), ("v2", "glorp")] {
        fs::create_dir_all(root.join(version)).unwrap();
        fs::write(root.join(version).join("hate.txt"), format!("4 word {word}\n")).unwrap();
    }
    let point = |version: &str| {
        let _ = fs::remove_file(root.join("new"));
        symlink(version, root.join("new")).unwrap();
        fs::rename(root.join("new"), root.join("data")).unwrap();
    };
    point("v1");
    let list: &Path = &root.join("data/hate.txt");
    let text = format!("[wordlists]\nembedded = false\npaths = [{list:?}]\n");
    fs::write(&w.setup.settings, text).unwrap();
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(w.verdict("snarf").await, Verdict::Drop);
    point("v2");
    assert_eq!(w.look().await, Outcome::Loaded);
    assert_eq!(
        (w.verdict("snarf").await, w.verdict("glorp").await),
        (Verdict::Pass, Verdict::Drop)
    );
}
