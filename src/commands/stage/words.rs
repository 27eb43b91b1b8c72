//! Says in English and French where the stage is and how to use it.

use crate::message::Language;

/// Where everything is.
pub struct Place {
    pub overlay: String,
    pub chat: String,
    pub console: String,
    pub admin: String,
    pub password: String,
    pub settings: String,
}

pub struct Words {
    title: &'static str,
    overlay: &'static str,
    overlay_why: &'static str,
    chat: &'static str,
    chat_why: &'static str,
    console: &'static str,
    login: &'static str,
    settings: &'static str,
    settings_why: &'static str,
    limits: &'static str,
    stop: &'static str,
}

const ENGLISH: Words = Words {
    title: "Tidegate stage: on screen and aloud, only what passed.",
    overlay: "Overlay",
    overlay_why: "a browser source in OBS; &check=1 shows that it is connected",
    chat: "Readers",
    chat_why: "in place of the chat server's address",
    console: "Console",
    login: "release what waits; log in as",
    settings: "Settings",
    settings_why: "your own words, names and links",
    limits: "Everybody in the chat sees every message: this keeps them off your stage, no more.",
    stop: "Ctrl-C stops it. The password is a new one at each start.",
};

const FRENCH: Words = Words {
    title: "Tidegate, la scène : à l’écran et à voix haute, seulement ce qui a passé.",
    overlay: "Incrustation",
    overlay_why: "une source navigateur dans OBS ; &check=1 montre qu’elle est connectée",
    chat: "Lecteurs",
    chat_why: "à la place de l’adresse du serveur de chat",
    console: "Console",
    login: "publiez ce qui attend ; connexion :",
    settings: "Réglages",
    settings_why: "vos mots, vos noms, vos liens",
    limits: "Dans le chat, tout le monde voit tout : ceci protège votre scène, rien d’autre.",
    stop: "Ctrl-C l’arrête. Le mot de passe est nouveau à chaque démarrage.",
};

pub fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    }
}

impl Words {
    /// Everything on one screen.
    pub fn welcome(&self, place: &Place, moderator: &str) -> String {
        let places = [&place.overlay, &place.chat, &place.console, &place.settings];
        let wide = places.into_iter().map(|place| place.chars().count()).max().unwrap_or(0);
        let row =
            |name: &str, place: &str, why: &str| format!("  {name:<12} {place:<wide$}  {why}");
        let login = format!("{} {moderator} / {}", self.login, place.password);
        [
            self.title.to_owned(),
            String::new(),
            row(self.overlay, &place.overlay, self.overlay_why),
            row(self.chat, &place.chat, self.chat_why),
            row(self.console, &place.console, &login),
            row(self.settings, &place.settings, self.settings_why),
            String::new(),
            self.limits.to_owned(),
            self.stop.to_owned(),
        ]
        .join("\n")
    }
}
