//! Lists the small words by which a mention is told, English and French, without accents and case.

/// Between a verb and the word.
pub(super) const ARTICLES: &str = "a an the some such another or and n fucking damn un une le la \
    les des de d sale gros grosse";
/// Between words that are named in one breath.
pub(super) const JOINTS: &str = "or and n ou et";
/// What a word is called that is named: a slur is one whatever stands before it …
pub(super) const SLURS: &str = "slur slurs epithet insulte insultes";
/// … and a word only where it is pointed at.
pub(super) const NAMES: &str = "word words term terms mot mots terme";
pub(super) const POINTS: &str = "the that this le ce";
/// What may stand before `the word`.
pub(super) const NAMING: &str = "say says said saying use uses used using hear heard hate hates \
    ban bans banned banning type typed about with without because when if dire dit disent \
    utilise";
pub(super) const LIKE: &str = "like as such comme";
pub(super) const CALLS: &str = "calls called calling call";
/// Only somebody else is said to do so: neither `I` nor `you` stands before it.
pub(super) const OTHERS_CALL: &str = "calls";
pub(super) const BECOMES: &str = "get gets got gotten getting being been was";
pub(super) const ME: &str = "me us";
pub(super) const OTHERS: &str = "him her it them people someone somebody anyone anybody everyone \
    everybody others folks kids players guys girls women men";
pub(super) const WHOSE: &str = "my his her their our the a black gay trans asian other";
/// Who does it that is not the speaker and is not told to.
pub(super) const HE: &str = "he she they one someone somebody people who ppl dude guy guys man \
    boy girl girls boys kid kids player players teammate teammates rapper rappers friend friends \
    coworker coworkers classmate classmates neighbor neighbour stranger mom dad brother sister \
    cousin boss teacher parents troll trolls il elle ils elles on qui quelqu'un mec mecs meuf \
    type gars gens";
/// Between whoever does it and what they do.
pub(super) const DOES: &str = "keeps kept keep is was are were been has had have started just \
    always even literally m'a t'a l'a m'ont l'ont nous se fait ont a spray";
/// Who speaks, and whom the speaker sends to do it.
pub(super) const SPEAKER: &str = "i we i'll ill i'm im i'd id ima imma i've let lets let's gonna \
    wanna je j j'ai please";
pub(super) const NOT: &str = "not don't dont stop never nobody no quit shouldn't shouldnt";
/// With these a `not` is a boast.
pub(super) const BOASTS: &str = "won't wont can't cant cannot couldn't wouldn't why love like \
    keep start";
pub(in crate::decide) const SAYS: &str = "say says said saying yell yells yelled yelling scream \
    screams screamed screaming shout shouts shouted shouting typed typing wrote writing writes \
    spams spammed spamming dire dit disent crie crient ecrit ecrivait hurle hurlait";
/// Of these, what only somebody else is said to do.
pub(super) const OTHERS_SAY: &str = "says yells screams shouts writes spams";
/// Traité de…: French says call so.
pub(super) const TREATS: &str = "traite traites traitee traitent traitait";
/// How very much somebody or something is it.
pub(super) const VERY: &str = "so such just being be really literally truly kinda slightly feel \
    feeling biggest big huge total totally completely fucking pretty too very as bit little still \
    definitely basically absolutely vraiment trop tellement";
/// A thing is never `a …`: that is somebody.
pub(super) const ONE: &str = "a an the un une gros grosse";
pub(super) const SELF: &str = "i'm im j'suis chuis";
/// What may stand before `I am`.
pub(super) const AND: &str = "and but because when yes well lol since cause cuz bc bcs cos coz \
    mais et car que if that then moi";
pub(super) const BE: &str = "am is are was were be";
/// Who is said to be it.
pub(super) const SOMEBODY: &str = "he she they i it this that";
/// What a word is asked about, before and behind it.
pub(super) const ASKED: &str = "what does mean what's is where come comes from why considered \
    word slur term offensive really actually even supposed to a the still called ca veut dire \
    quoi c'est est ce que qu'est le mot insulte une un toujours vraiment d'ou vient pourquoi";
pub(super) const ASKS: &str = "what what's whats where why is does quoi pourquoi c'est est d'ou";
pub(super) const ASKED_OF: &str = "mean come comes slur offensive quoi insulte vient";
/// What calling people so is said to be.
pub(super) const WRONG: &str = "wrong bad racist racism homophobic homophobia transphobic \
    transphobia ableist sexist hateful hurtful disgusting gross unacceptable hate delit raciste \
    racisme homophobe homophobie transphobe validiste interdit";
pub(super) const WRONG_IF_NOT: &str = "ok okay cool funny acceptable nice normal drole";
/// What may stand between `is` and what it is.
pub(super) const SO: &str = "not isn't isnt never so just now really pas plus jamais du de un une \
    a";
/// What may follow a word that is not to be said.
pub(super) const HERE: &str = "it its it's that thats that's c'est here ici please pls plz svp in \
    on around dans sur or and because bc guys chat";
pub(super) const USES: &str = "say says saying use using type typing write dire dit dites dis \
    utilise utiliser";
pub(super) const NEVER: &str = "dont don't never stop quit jamais arrete arretez";
pub(super) const THINGS: &str = "it this that which everything something game movie film show \
    song rule idea lag stream update map boss level ca cela jeu";
pub(super) const ITS: &str = "its it's thats that's c'est";
pub(super) const IS: &str = "is was looks sounds seems est etait";
/// What may follow without making the word a part of a longer name.
pub(super) const GOES_ON: &str = "to at in on all and or when is was wasn't isn't wasn isn maybe \
    like for again because but so as every with around back then than if by it he she they i lol \
    lmao haha xd tbh rn today sometimes though too en et ou a quand parce mais mdr dans est";
pub(super) const NOT_IS: &str = "isn't isnt wasn't wasnt ain't";
/// Words in -s that are nobody.
pub(super) const NO_PLURAL: &str = "always sometimes thanks perhaps this does yours towards \
    jamais toujours";
pub(super) const OFFENSIVE: &str = "slur slurs epithet insult offensive derogatory insulte";
/// What may follow a word that ends what is said.
pub(super) const NO_MORE: &str = "in against word term here please pls tbh imo man bro guys now \
    so stop ici svp merci point dans en";
/// What everybody here may be called upon to do …
pub(super) const URGES: &str = "say yell scream shout";
/// … with words that somebody likes.
pub(super) const LOVES: &str = "spam spamming love loves post";
/// Whoever is so called is not told to.
pub(super) const NOBODY_HERE: &str = "they who ils elles qui";
/// `some kids say`: no call upon them.
pub(super) const WHICH: &str = "some my the these those their his her our other all many most \
    white black two three few certain random des les mes ces";
