//! Says in English and French what the demo tells the terminal.

use std::path::Path;

use super::{Options, Places};
use crate::message::Language;

pub struct Words {
    pub title: &'static str,
    pub room: &'static str,
    pub room_why: &'static str,
    pub console: &'static str,
    pub login: &'static str,
    pub chat: &'static str,
    pub chat_why: &'static str,
    pub api: &'static str,
    pub api_why: &'static str,
    pub admin: &'static str,
    pub settings: &'static str,
    pub plays: &'static str,
    pub stop: &'static str,
    pub stopping: &'static str,
    pub passed: &'static str,
    pub masked: &'static str,
    pub held: &'static str,
    pub dropped: &'static str,
    pub held_why: &'static str,
    pub dropped_why: &'static str,
    pub silent: &'static str,
    pub played: &'static str,
    pub unplayed: &'static str,
}

const ENGLISH: Words = Words {
    title: "Tidegate demo: a chat room with Tidegate in front of it.",
    room: "Room",
    room_why: "write here; it passes through Tidegate first",
    console: "Console",
    login: "log in as",
    chat: "Chat",
    chat_why: "for a client of your own",
    api: "API",
    api_why: "key",
    admin: "Metrics",
    settings: "Settings",
    plays: "A short chat plays now:",
    stop: "Ctrl-C stops it; nothing is kept.",
    stopping: "Stopping …",
    passed: "pass",
    masked: "mask",
    held: "hold",
    dropped: "drop",
    held_why: "(waits for you in the console)",
    dropped_why: "(nobody sees it)",
    silent: "(no answer yet)",
    played: "Your turn: open the room, and the console to decide what waits.",
    unplayed: "The chat could not be played",
};

const FRENCH: Words = Words {
    title: "Démonstration de Tidegate : un salon, et Tidegate devant.",
    room: "Salon",
    room_why: "écrivez ici ; tout passe d’abord par Tidegate",
    console: "Console",
    login: "connexion :",
    chat: "Chat",
    chat_why: "pour un client à vous",
    api: "API",
    api_why: "clé",
    admin: "Mesures",
    settings: "Réglages",
    plays: "Une courte discussion se joue :",
    stop: "Ctrl-C l’arrête ; rien n’est gardé.",
    stopping: "Arrêt …",
    passed: "passe",
    masked: "masque",
    held: "retient",
    dropped: "rejette",
    held_why: "(vous attend dans la console)",
    dropped_why: "(personne ne le voit)",
    silent: "(pas encore de réponse)",
    played: "À vous : ouvrez le salon, et la console pour décider de ce qui attend.",
    unplayed: "La discussion n’a pas pu être jouée",
};

pub fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    }
}

/// Everything that a newcomer needs, on one screen.
pub fn welcome(options: &Options, places: &Places, settings: &Path) -> String {
    let says = words(options.language);
    let row = |name: &str, place: &str, why: &str| {
        let row = format!("  {name:<9} {place:<34} {why}");
        row.trim_end().to_owned()
    };
    let login = &places.login;
    let access = format!("{} {} / {}", says.login, login.name, login.password);
    let key = format!("{} {}", says.api_why, places.api_key);
    let mut lines = vec![
        says.title.to_owned(),
        String::new(),
        row(says.room, &places.room, says.room_why),
        row(says.console, &places.console, &access),
        row(says.chat, &places.chat, says.chat_why),
        row(says.api, &format!("{}/v1/judge", places.api), &key),
        row(says.admin, &format!("{}/metrics", places.admin), ""),
        row(says.settings, &settings.display().to_string(), ""),
        String::new(),
        says.stop.to_owned(),
    ];
    if !options.quiet {
        lines.extend([String::new(), says.plays.to_owned()]);
    }
    lines.join("\n")
}
