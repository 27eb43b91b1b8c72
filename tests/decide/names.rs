//! Tries names that pass for others, and names that only look a little like them.

use tidegate::{
    config::ProtectedConfig,
    decide::{Claim, Known, Protected, drawn_name},
    message::Role,
};

/// Name, whom it could be taken for, and how bad that is; 0 where it is innocent.
const ALONE: [(&str, &str, u8); 100] = [
    // The accounts themselves, and ones nobody could mistake for them.
    ("Marlowe", "", 0),
    ("marlowe", "", 0),
    ("Una", "", 0),
    ("AliceStreams", "", 0),
    ("Bob", "", 0),
    ("Zoltan", "", 0),
    ("", "", 0),
    ("💙", "", 0),
    ("花子", "", 0),
    ("Мария", "", 0),
    // Drawn alike.
    ("Mar1owe", "Marlowe", 3),
    ("MarIowe", "Marlowe", 3),
    ("Marl0we", "Marlowe", 3),
    ("Marlowe_", "Marlowe", 3),
    ("_Marlowe", "Marlowe", 3),
    ("mar_lowe", "Marlowe", 3),
    ("M.a.r.l.o.w.e", "Marlowe", 3),
    ("Mar-lowe", "Marlowe", 3),
    ("Marlovve", "Marlowe", 3),
    ("Mаrlowe", "Marlowe", 3),
    ("Маrlоwе", "Marlowe", 3),
    ("Márlowé", "Marlowe", 3),
    ("Ｍａｒｌｏｗｅ", "Marlowe", 3),
    ("𝓜𝓪𝓻𝓵𝓸𝔀𝓮", "Marlowe", 3),
    ("ᴍᴀʀʟᴏᴡᴇ", "Marlowe", 3),
    ("Mar\u{200b}lowe", "Marlowe", 3),
    ("Marl\u{202e}owe", "Marlowe", 3),
    ("M4rlow3", "Marlowe", 3),
    ("M@rlowe", "Marlowe", 3),
    ("Mar|owe", "Marlowe", 3),
    ("xX_Marlowe_Xx", "Marlowe", 3),
    ("x.Marlowe.x", "Marlowe", 3),
    ("Mar lowe", "Marlowe", 3),
    ("AIiceStreams", "AliceStreams", 3),
    ("AliceStrearns", "AliceStreams", 3),
    ("Alice5treams", "AliceStreams", 3),
    ("Al1ce_Streams", "AliceStreams", 3),
    ("AliiceStreams", "AliceStreams", 3),
    ("Un@", "Una", 3),
    ("U_n_a", "Una", 3),
    ("Unа", "Una", 3),
    // Something added.
    ("Marlowe_official", "Marlowe", 2),
    ("OfficialMarlowe", "Marlowe", 2),
    ("Marlowe_officiel", "Marlowe", 2),
    ("TheRealMarlowe", "Marlowe", 2),
    ("RealMarlowe", "Marlowe", 2),
    ("the_real_marlowe", "Marlowe", 2),
    ("Marlowe_TV", "Marlowe", 2),
    ("MarloweTTV", "Marlowe", 2),
    ("Marlowe_Mod", "Marlowe", 2),
    ("Marlowe Live", "Marlowe", 2),
    ("Marlowe2", "Marlowe", 2),
    ("Marlowe_99", "Marlowe", 2),
    ("Mar1owe_tv", "Marlowe", 2),
    ("Una_official", "Una", 2),
    ("UnaMod", "Una", 2),
    ("AliceStreams_tv", "AliceStreams", 2),
    // One letter away, as the eye passes over it.
    ("Marllowe", "Marlowe", 3),
    ("Marlwoe", "Marlowe", 2),
    ("Malrowe", "Marlowe", 2),
    ("Marrlowe", "Marlowe", 2),
    ("Marloowe", "Marlowe", 2),
    ("Marlowee", "Marlowe", 2),
    ("AliceSteams", "AliceStreams", 2),
    ("AliceStreems", "AliceStreams", 2),
    ("AlliceStreams", "AliceStreams", 3),
    ("AliceStraems", "AliceStreams", 2),
    // One letter away, as other names are: seen, and milder.
    ("Marlow", "Marlowe", 1),
    ("Marlowa", "Marlowe", 1),
    ("Barlowe", "Marlowe", 1),
    ("Marlowes", "Marlowe", 1),
    ("AliceStream", "AliceStreams", 1),
    // Offices.
    ("Moderator", "moderator", 2),
    ("Admin", "admin", 2),
    ("site_staff", "staff", 2),
    ("Channel Moderator", "moderator", 2),
    ("ChatAdmin", "admin", 2),
    ("Modérateur", "moderateur", 2),
    ("Mоderator", "moderator", 2),
    ("admin_42", "admin", 2),
    ("STAFF", "staff", 2),
    // Fans, families and words.
    ("marlowe_fan", "", 0),
    ("NotMarlowe", "", 0),
    ("MarloweEnjoyer", "", 0),
    ("ilovemarlowe", "", 0),
    ("Harlow", "", 0),
    ("Mallory", "", 0),
    ("una_fan", "", 0),
    ("notuna", "", 0),
    ("Tuna", "", 0),
    ("Luna", "", 0),
    ("Una99", "", 0),
    ("Una_tv", "", 0),
    ("Alice", "", 0),
    ("Alice42", "", 0),
    ("Streams", "", 0),
    ("Stafford", "", 0),
    ("administer", "", 0),
    ("ModernMike", "", 0),
    ("Mod", "", 0),
];

fn protected(config: &str) -> Protected {
    Protected::new(&toml::from_str(config).expect("settings"), true)
}

/// Somebody whom the protocol showed to be the channel's.
fn staff(id: &'static str, name: &'static str) -> Known<'static> {
    Known { id, name, drawn: drawn_name(name).leak() }
}

fn claim<'a>(id: &'a str, name: &'a str) -> Claim<'a> {
    Claim { id, name, roles: &[] }
}

#[test]
fn names_that_pass_for_others_are_told_from_those_that_do_not() {
    let names = "names = { Marlowe = \"\", Una = \"\", AliceStreams = \"\" }";
    let protected = protected(names);
    for (name, of, level) in ALONE {
        let found = protected.alike(&claim("u7", name), std::iter::empty());
        let found = found.map_or((String::new(), 0), |a| (a.of, a.severity.level()));
        assert_eq!(found, (of.to_owned(), level), "{name:?}");
    }
}

#[test]
fn an_account_is_known_by_its_id_where_there_is_one() {
    let protected = protected("names = { Marlowe = \"42\" }");
    let staff = [staff("7", "Annabella"), staff("8", "Annabelle")];
    let found = |id, name, roles: &[Role]| {
        let alike = protected.alike(&Claim { id, name, roles }, staff.into_iter());
        alike.map(|alike| (alike.of, alike.severity.level()))
    };
    let of = |name: &str, level| Some((name.to_owned(), level));
    assert_eq!(found("42", "Marlowe", &[]), None);
    assert_eq!(found("42", "Mar1owe", &[]), None, "its own other name");
    assert_eq!(found("43", "Marlowe", &[]), of("Marlowe", 3), "the same name, another account");
    assert_eq!(found("7", "Annabella", &[]), None, "staff may be called alike");
    assert_eq!(found("9", "Annabe1la", &[]), of("Annabella", 3));
    assert_eq!(found("9", "Annabe1la", &[Role::Moderator]), None, "staff itself");
    assert_eq!(found("9", "Annabe1la", &[Role::Subscriber]), of("Annabella", 3));
}

#[test]
fn what_is_learnt_and_titles_can_be_left_out() {
    let staff = [staff("7", "Annabella")];
    let found = |config: &str, name| {
        protected(config).alike(&claim("9", name), staff.into_iter()).map(|alike| alike.of)
    };
    assert_eq!(found("", "Annabella"), Some("Annabella".to_owned()));
    assert_eq!(found("learn = false", "Annabella"), None);
    assert_eq!(found("", "Admin"), Some("admin".to_owned()));
    assert_eq!(found("titles = false", "Admin"), None);
    let off = Protected::new(&ProtectedConfig::default(), false);
    assert_eq!(off.alike(&claim("9", "Admin"), staff.into_iter()), None);
}
