//! Tells which languages the words around a place speak.
//!
//! Ordinary small words say more in three words of chat than any statistics of letters. Beside
//! them stand the letters that only some languages have, and, from four words on, a guess at the
//! whole message.

use std::{collections::HashMap, ops::Range, sync::LazyLock};

use whichlang::Lang;

use crate::message::{Tongue, Tongues};

/// Words on either side that are looked at; farther ones belong to another thought.
const WORDS_MAX: usize = 8;
/// The same in bytes, for text without spaces.
const BYTES_MAX: usize = 256;
/// Words this near weigh three times as much.
const NEAR: usize = 2;
/// A guess at fewer words is wrong too often: on lines of ordinary talk, one in four at two words
/// and one in ten at four.
const GUESS_WORDS_MIN: usize = 4;
/// From here on it is wrong once in fifty lines.
const GUESS_WORDS_SURE: usize = 8;
/// More of a message tells the guess nothing more.
const GUESS_BYTES_MAX: usize = 1024;
const GUESS_WORDS_MAX: usize = 32;

/// How much speaks for each language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u32; Tongue::ALL.len()]);

impl Tally {
    /// What speaks for the one of these languages for which most does.
    pub fn best(&self, of: Tongues) -> u32 {
        of.iter().map(|tongue| self.0[tongue as usize]).max().unwrap_or(0)
    }

    pub fn of(&self, tongue: Tongue) -> u32 {
        self.0[tongue as usize]
    }

    fn add(&mut self, word: &str, times: u32) {
        let tongues = spoken_by(word);
        // What many languages share tells nothing.
        let weight = match tongues.len() {
            1 => 6,
            2 => 3,
            3 => 2,
            _ => 0,
        };
        tongues.iter().for_each(|tongue| self.0[tongue as usize] += weight * times);
    }
}

/// What the words around a place say.
pub fn around(text: &str, place: &Range<usize>) -> Tally {
    let mut tally = Tally::default();
    let (before, after) = (text.get(..place.start), text.get(place.end..));
    let before = before.map_or("", |before| last_bytes(before, BYTES_MAX));
    let after = after.map_or("", |after| first_bytes(after, BYTES_MAX));
    let times = |at: usize| if at < NEAR { 3 } else { 1 };
    for (at, word) in words(before).rev().take(WORDS_MAX).enumerate() {
        tally.add(word, times(at));
    }
    for (at, word) in words(after).take(WORDS_MAX).enumerate() {
        tally.add(word, times(at));
    }
    tally
}

/// The language that a whole message looks like, and how much that is worth: of eight words as much
/// as two words of one language, of four half of it.
pub fn guess(text: &str) -> Option<(Tongue, u32)> {
    let distinct = distinct(first_bytes(text, GUESS_BYTES_MAX));
    if distinct.len() < GUESS_WORDS_MIN {
        return None;
    }
    let tongue = match whichlang::detect_language(&distinct.join(" ")) {
        Lang::Eng => Tongue::En,
        Lang::Fra => Tongue::Fr,
        Lang::Spa => Tongue::Es,
        Lang::Por => Tongue::Pt,
        Lang::Ita => Tongue::It,
        Lang::Deu => Tongue::De,
        Lang::Nld => Tongue::Nl,
        // It knows neither Danish nor Norwegian, and takes both for Swedish.
        Lang::Swe => Tongue::Sv,
        _ => Tongue::Other,
    };
    Some((tongue, if distinct.len() < GUESS_WORDS_SURE { 6 } else { 12 }))
}

/// A language by its two-letter code, of ISO 639.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    pub code: &'static str,
    /// Wrong once in fifty lines rather than once in ten.
    pub sure: bool,
}

/// The language that a whole text looks like, for whoever wants its name: by a guess where there
/// are words enough, else by small words of which one language has the most.
pub fn detect(text: &str) -> Option<Detected> {
    let text = first_bytes(text, GUESS_BYTES_MAX);
    let distinct = distinct(text);
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    // Scripts that hardly share their languages tell more by a few letters than words do.
    let foreign = letters().filter(|c| *c > '\u{24f}').count();
    if foreign * 2 > letters().count() {
        let code = code(whichlang::detect_language(text));
        return Some(Detected { code, sure: foreign >= GUESS_WORDS_SURE });
    }
    if distinct.len() >= GUESS_WORDS_MIN {
        let code = code(whichlang::detect_language(&distinct.join(" ")));
        return Some(Detected { code, sure: distinct.len() >= GUESS_WORDS_SURE });
    }
    let mut tally = Tally::default();
    distinct.iter().for_each(|word| tally.add(word, 1));
    let most = tally.0.iter().max().copied().filter(|most| *most > 0)?;
    let named = |tongue: &Tongue| *tongue != Tongue::Other;
    let mut best = Tongue::ALL.into_iter().filter(named).filter(|own| tally.of(*own) == most);
    let code = best.next()?.name();
    best.next().is_none().then_some(Detected { code, sure: false })
}

fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

/// The different words of a text: the same one over and over has no language, and must not be
/// guessed at instead of the others.
fn distinct(text: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::with_capacity(GUESS_WORDS_SURE);
    for word in words(text) {
        let word = word.to_lowercase();
        if seen.len() < GUESS_WORDS_MAX && !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}

fn first_bytes(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn last_bytes(text: &str, bytes: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes))..]
}

/// The languages that have this word among their small words, or else its letters.
fn spoken_by(word: &str) -> Tongues {
    let known = SMALL_WORDS.get(super::plain(word).0.as_str()).copied().unwrap_or_default();
    let by_letters = word.chars().filter_map(letter).reduce(Tongues::both).unwrap_or_default();
    match (known.is_empty(), known.both(by_letters)) {
        // `à` among the words that are `a` without their accents.
        (false, narrowed) if !narrowed.is_empty() => narrowed,
        (false, _) => known,
        (true, _) => by_letters,
    }
}

/// The languages that write this letter, where not all do.
fn letter(c: char) -> Option<Tongues> {
    use Tongue::{Da, De, Es, Fr, It, Other, Pt, Sv};
    let tongues: &[Tongue] = match c {
        'ß' => &[De],
        'ü' | 'Ü' => &[De, Es, Other],
        'ä' | 'ö' | 'Ä' | 'Ö' => &[De, Sv, Other],
        'å' | 'Å' => &[Sv, Da],
        'æ' | 'ø' | 'Æ' | 'Ø' => &[Da],
        'ñ' | 'Ñ' => &[Es],
        'ã' | 'õ' | 'Ã' | 'Õ' => &[Pt],
        'á' | 'í' | 'ó' | 'ú' | 'Á' | 'Í' | 'Ó' | 'Ú' => &[Es, Pt, Other],
        'é' | 'É' => &[Fr, Es, Pt],
        'ê' | 'ô' | 'Ê' | 'Ô' => &[Fr, Pt],
        'ç' | 'Ç' => &[Fr, Pt, Other],
        'à' | 'è' | 'ù' | 'À' | 'È' | 'Ù' => &[Fr, It],
        'ì' | 'ò' | 'Ì' | 'Ò' => &[It],
        'œ' | 'î' | 'û' | 'Œ' | 'Î' | 'Û' => &[Fr],
        '\u{100}'..='\u{17f}' | '\u{370}'..='\u{1dff}' | '\u{2e80}'..='\u{fdff}' => &[Other],
        _ => return None,
    };
    Some(tongues.iter().copied().collect())
}

/// Small words without their accents, with every language that has them.
static SMALL_WORDS: LazyLock<HashMap<&'static str, Tongues>> = LazyLock::new(|| {
    let mut all: HashMap<&str, Tongues> = HashMap::new();
    for (tongue, words) in TABLE {
        for word in words.split_whitespace() {
            let known = all.entry(word).or_default();
            *known = known.with(Tongues::of(tongue));
        }
    }
    all
});

/// A word that some list scopes stands in none of these: it cannot be evidence of itself.
const TABLE: [(Tongue, &str); 9] = [
    (Tongue::En, EN),
    (Tongue::Fr, FR),
    (Tongue::Es, ES),
    (Tongue::Pt, PT),
    (Tongue::It, IT),
    (Tongue::De, DE),
    (Tongue::Nl, NL),
    (Tongue::Sv, SV),
    (Tongue::Da, DA),
];

const EN: &str = "the an and or of to in is are was were be been am i im you your youre ur u he \
    she it its they them their we our my this that these those there here what who why when where \
    how which not no dont doesnt didnt isnt cant wont aint do does did done have has had will \
    would can could should shall may might must just like so very too much more most some any all \
    every each other another into from for with without about on at by up off out over get got \
    gets go goes going went come came make made take took see saw know think want need say said \
    tell look looks really never ever always again still now then than but if because as one two \
    new good bad nice his her him me us ll ve re don doesn didn isn wasn aren won gonna gotta \
    wanna yeah hes shes thats whats theyre hows please thanks lets let such only being wasnt \
    people called both";

const FR: &str = "le la les un une des du de d et est es suis sont etait etais ete ai as avez \
    avons ont a je j tu il elle on nous vous ils elles me te se moi toi lui leur leurs mon ton \
    son ma ta sa mes tes ses notre votre nos vos ce cet cette ces ca c cest qui que qu quoi dont \
    ou quand comment pourquoi combien ne n pas plus jamais rien personne tout tous toute toutes \
    tres trop bien mal aussi encore deja avec sans pour par dans sur sous chez vers entre mais \
    donc car si alors quel quelle fait faire fais dit dire dis va vais vas aller peut peux veux \
    veut sais sait faut avoir etre meme comme vraiment ouais oui non merci salut bonjour mdr \
    ptdr wesh frere mec gars ici au aux jsuis jai l y m s t cetait celui celle voila espece \
    regarde arrete petit petite gros joue jeu depuis deux";

const ES: &str = "el la los las un una unos unas de del y o e que quien como cuando donde por \
    para sin sobre entre desde hasta es son soy eres somos era fue ser estar esta estas estoy \
    estamos este esto estos ese eso esa muy mas menos pero porque si no ni ya yo tu usted \
    ustedes ella ellos nosotros mi mis tus su sus me te se nos lo le les al hay tengo tiene \
    tienes tienen hacer hace hago voy va vas vamos quiero quiere quieres puede puedo puedes todo \
    todos toda todas nada algo otro otra tambien ahora aqui hoy bien mal gracias hola buenos \
    buenas dia noche jaja jajaja alguien cada siempre nunca tan color mucho mucha a ver";

const PT: &str = "o os a as um uma uns umas de do da dos das em no na nos nas e que quem como \
    quando onde por para com sem sobre entre ate eu tu voce voces vc ele ela eles elas meu minha \
    teu tua seu sua seus suas me te se lhe isso isto esse essa este esta aquele nao sim muito \
    mais menos mas porque pois ja ainda tambem foi era ser estar estou estao tem tenho tinha vai \
    vou vamos fazer faz quero quer pode posso tudo todos nada algo outro outra agora aqui hoje \
    bem mal obrigado obrigada ola bom boa dia noite kkk kkkk gente pra pro sao cor ao aos";

const IT: &str = "il lo la i gli le un uno una di del dello della dei degli delle da dal dalla \
    nel nella nei su sul sulla per tra fra e o ma che chi come quando dove perche non no si mi ti \
    ci vi ne io tu lui lei noi voi loro mio mia tuo tua suo sua sono sei siamo siete era stato \
    stata essere ho hai ha abbiamo hanno avere fa fare faccio vado va andare voglio vuole puo \
    posso tutto tutti tutta niente qualcosa altro altra ora adesso qui oggi bene male grazie ciao \
    molto piu meno anche ancora gia sempre mai cosi questo questa questi quello quella quelle \
    quelli cosa l d sto sta colore a al alla";

const DE: &str = "der die das den dem des ein eine einen einem einer und oder aber nicht kein \
    keine ist sind war waren bin bist sein seine haben habe hat hatte hast ich du er sie es wir \
    ihr mich dich mir dir ihm uns euch mein meine dein deine was wer wie wo wann warum welche so \
    sehr mehr noch schon auch nur immer nie mit ohne fur von zu zum zur im in am an auf aus bei \
    nach uber unter vor wenn weil dass als doch mal ja nein danke bitte hallo gut alles nichts \
    jetzt hier heute werden wird wurde kann kannst muss will wollen machen macht gegen ganz dann \
    wieder leute man zwei viel diese dieser";

const NL: &str = "de het een en of maar niet geen is zijn was waren ben bent heb hebt heeft \
    hebben had ik jij je hij zij ze wij we jullie mij me jou hem haar ons mijn jouw dit dat deze \
    die wat wie hoe waar wanneer waarom zo heel meer nog al ook alleen altijd nooit met zonder \
    voor van naar te in op aan uit bij over onder als omdat want toch wel ja nee bedankt hallo \
    goed alles niets nu hier vandaag worden wordt kan kun moet moeten wil maken gaat gaan er dan \
    weer echt iets twee veel";

const SV: &str = "och att det den en ett som inte ar var vara har hade jag du han hon vi ni de \
    dem mig dig sig min mitt din ditt sin vad vem hur nar varfor sa mycket mer ocksa bara alltid \
    aldrig med utan for av fran till pa i om under over eftersom men ja nej tack hej bra allt \
    inget nu idag blir blev kan ska vill maste gora gar alla nagon eller ju efter denna";

const DA: &str = "og at det den en et som ikke er var vaere har havde jeg du han hun vi i de dem \
    mig meg dig deg sig seg min mit mitt din dit sin hvad hva hvem hvordan hvornar hvorfor nar \
    sa meget mye mer ogsa bare kun alltid altid aldrig aldri med uten uden for av af fra til pa \
    om under over fordi men ja nei nej takk tak hej hei bra godt alt ingenting nu na her blir \
    bliver ble kan skal vil ma gjore gor gar alle noen nogen eller jo efter etter fik et";

#[cfg(test)]
mod tests {
    use super::*;

    /// The language for which most speaks around the invented word.
    fn heard(text: &str) -> Option<Tongue> {
        let at = text.find("blorp").expect("the word is there");
        let tally = around(text, &(at..at + "blorp".len()));
        let best = tally.0.iter().max().copied().unwrap_or(0);
        let mut of = Tongue::ALL.into_iter().filter(|t| best > 0 && tally.of(*t) == best);
        of.next().filter(|_| of.next().is_none())
    }

    #[test]
    fn neighbours_tell_the_language() {
        use Tongue::{Da, De, En, Es, Fr, It, Nl, Other, Pt, Sv};
        let check = |text: &str, expected: Option<Tongue>| {
            assert_eq!(heard(text), expected, "{text}");
        };
        check("blorp", None);
        check("blorp 123 !!", None);
        check("you are a blorp", Some(En));
        check("don't be such a blorp", Some(En));
        check("t'es qu'un blorp", Some(Fr));
        check("il est en blorp", Some(Fr));
        check("le blorp", None);
        check("le gros blorp", Some(Fr));
        check("el gato blorp duerme", Some(Es));
        check("mañana blorp", Some(Es));
        check("o gato é muito blorp", Some(Pt));
        check("il gatto è molto blorp", Some(It));
        check("das ist ein blorp", Some(De));
        check("blorp für dich", Some(De));
        check("dat is een blorp", Some(Nl));
        check("det här är inte blorp", Some(Sv));
        check("jeg vil have et blorp", Some(Da));
        check("это blorp", Some(Other));
        check("a b c d e f g h i j k l m n the you what blorp", Some(En));
        check("the you what aa bb cc dd ee ff gg hh blorp", None);
    }

    #[test]
    fn a_guess_needs_words() {
        let check = |text: &str, expected: Option<(Tongue, u32)>| {
            assert_eq!(guess(text), expected, "{text}");
        };
        check("je suis là", None);
        check("hola HOLA hola Hola hola hola hola hola hola hola", None);
        check("je suis en route ce soir", Some((Tongue::Fr, 6)));
        check("I will be there in a minute, wait for me", Some((Tongue::En, 12)));
        check("eu não sei o que fazer agora com isso", Some((Tongue::Pt, 12)));
        check("bugün çok güzel bir gün oldu arkadaşlar", Some((Tongue::Other, 6)));
    }

    #[test]
    fn a_language_is_named_where_it_can_be_told() {
        for (text, expected) in [
            ("", None),
            ("gg 123", None),
            ("blorp blorp", None),
            ("you are late", Some(("en", false))),
            ("je suis là", Some(("fr", false))),
            ("I will be there in a minute, wait for me", Some(("en", true))),
            ("je suis en route ce soir", Some(("fr", false))),
            ("это сообщение на русском", Some(("ru", true))),
            ("今日はいい天気ですね", Some(("ja", true))),
            ("bugün çok güzel bir gün oldu arkadaşlar", Some(("tr", false))),
        ] {
            let found = detect(text).map(|found| (found.code, found.sure));
            assert_eq!(found, expected, "{text}");
        }
    }
}
