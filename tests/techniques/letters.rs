//! Holds the letters that attackers write for others, gathered apart from the tables in `src/`.

/// For each Latin letter what passes for it in other scripts and alphabets.
pub const SHAPES: &[(char, &str)] = &[
    ('a', "аαɑᴀ𝐚𝒶ａⓐâä"),
    ('b', "ЬвᏏʙ𝐛ｂⓑβ"),
    ('c', "сϲᴄ𝐜ｃⓒçⅽ¢"),
    ('d', "ԁᴅ𝐝ｄⓓďⅾ∂"),
    ('e', "еεᴇ𝐞ｅⓔéê€є"),
    ('f', "ꜰ𝐟ｆⓕƒғ"),
    ('g', "ɢɡ𝐠ｇⓖğցǥ"),
    ('h', "һнʜ𝐡ｈⓗհ"),
    ('i', "іιɪ𝐢ｉⓘíïıӏ"),
    ('j', "јᴊ𝐣ｊⓙʝ"),
    ('k', "кκᴋ𝐤ｋⓚķ"),
    ('l', "ʟ𝐥ｌⓛⅼľӏ"),
    ('m', "мᴍ𝐦ｍⓜⅿ"),
    ('n', "ηɴ𝐧ｎⓝñп"),
    ('o', "оοσᴏ𝐨ｏⓞöøօ"),
    ('p', "рρᴘ𝐩ｐⓟ"),
    ('q', "ԛ𝐪ｑⓠզ"),
    ('r', "гʀ𝐫ｒⓡŕя"),
    ('s', "ѕꜱ𝐬ｓⓢšş"),
    ('t', "тτᴛ𝐭ｔⓣţ†"),
    ('u', "υᴜ𝐮ｕⓤüսц"),
    ('v', "ѵνᴠ𝐯ｖⓥ"),
    ('w', "ѡωᴡ𝐰ｗⓦщ"),
    ('x', "хχ𝐱ｘⓧ×"),
    ('y', "уүʏ𝐲ｙⓨýγ"),
    ('z', "ᴢ𝐳ｚⓩžʐ"),
];

/// For each letter its leet spellings.
pub const LEET: &[(char, &[&str])] = &[
    ('a', &["4", "@", "/\\", "/-\\"]),
    ('b', &["8", "|3"]),
    ('c', &["(", "<", "¢"]),
    ('d', &["|)", "[)"]),
    ('e', &["3", "€"]),
    ('f', &["|=", "ph"]),
    ('g', &["6", "9"]),
    ('h', &["#", "|-|"]),
    ('i', &["1", "!", "|"]),
    ('k', &["|<", "|{"]),
    ('l', &["1", "|", "|_", "£"]),
    ('m', &["|\\/|", "/\\/\\"]),
    ('n', &["|\\|", "/\\/"]),
    ('o', &["0", "()", "[]"]),
    ('r', &["|2"]),
    ('s', &["5", "$"]),
    ('t', &["7", "+"]),
    ('u', &["|_|", "(_)"]),
    ('v', &["\\/"]),
    ('w', &["vv", "\\/\\/"]),
    ('x', &["><"]),
    ('z', &["2"]),
];

/// Words that chat writes shorter, and how.
pub const SHORT: &[(&str, &str, &[&str])] = &[
    ("en", "you", &["u", "ya", "yu"]),
    ("en", "your", &["ur", "yr"]),
    ("en", "yourself", &["urself", "yoself", "yo self", "ur self", "yaself"]),
    ("en", "you're", &["ur", "youre"]),
    ("en", "to", &["2"]),
    ("en", "for", &["4"]),
    ("en", "are", &["r"]),
    ("en", "the", &["da", "teh"]),
    ("en", "and", &["n", "nd"]),
    ("en", "people", &["ppl"]),
    ("en", "because", &["cuz", "bc"]),
    ("en", "with", &["wit"]),
    ("fr", "que", &["k", "ke"]),
    ("fr", "qui", &["ki"]),
    ("fr", "quoi", &["koi"]),
    ("fr", "dans", &["ds"]),
    ("fr", "pour", &["pr"]),
    ("fr", "vous", &["vs"]),
    ("fr", "nous", &["ns"]),
    ("fr", "tout", &["tt"]),
    ("fr", "tous", &["ts"]),
    ("fr", "avec", &["ac", "av"]),
    ("fr", "toi", &["twa", "toa"]),
    ("fr", "moi", &["mwa", "moa"]),
    ("fr", "comme", &["kom"]),
    ("fr", "suis", &["ss"]),
    ("fr", "faut", &["fo"]),
    ("fr", "quand", &["qd", "kan"]),
    ("fr", "mais", &["ms"]),
];

/// Signs that stand between letters, from a space to a picture.
pub const BETWEEN: &[&str] = &[
    " ", "  ", ".", "-", "_", "*", "/", "|", "+", "~", "'", ",", ":", "·", "•", "=", "^", "😂", "→",
    " . ", " - ", ";", "\\", "\"", "🔥", "&",
];

pub const INVISIBLE: &[char] = &[
    '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{34f}', '\u{180e}',
    '\u{fe0f}', '\u{fe00}', '\u{e0061}', '\u{e007f}', '\u{202a}', '\u{202e}', '\u{2066}',
    '\u{3164}', '\u{e0100}', '\u{2063}',
];
