//! Folds characters to what they say: case, width, accents and invisible ones.
//!
//! Listed terms and messages both go through here, so that they meet in the same spelling.

use unicode_normalization::char::{compose, decompose_compatible, is_combining_mark};

pub mod bytes;
pub mod language;
pub mod lookalike;
pub mod ordinary;

/// The plain reading of a text, and for each byte of it the byte range of the original character.
///
/// Latin letters lose their accents, every letter its case and width; invisible characters go.
/// The letters of other scripts keep their own marks, which are part of the letter there.
pub fn plain(text: &str) -> (String, Vec<(u32, u32)>) {
    let printable = |b: &u8| (0x20..0x7f).contains(b);
    // Without a way out of the loop, many bytes are compared at once.
    if text.as_bytes().iter().fold(true, |all, byte| all & printable(byte)) {
        let origin = (0..text.len() as u32).map(|at| (at, at + 1)).collect();
        return (text.to_ascii_lowercase(), origin);
    }
    let mut fold = Fold::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let from = (at as u32, (at + c.len_utf8()) as u32);
        match c {
            ' '..='~' => fold.push(c.to_ascii_lowercase(), from),
            '\t' | '\n' | '\r' => fold.push(' ', from),
            c if is_invisible(c) => {}
            // Ideographs and Hangul have neither case nor marks; decomposing Hangul would only
            // take its syllables apart.
            '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => fold.push(c, from),
            c => decompose_compatible(c, |part| fold.take(part, from)),
        }
    }
    (fold.text, fold.origin)
}

/// Whether ordinary French and English words never have this letter twice in a row.
pub fn is_odd_double(c: char) -> bool {
    matches!(c, 'a' | 'h' | 'i' | 'j' | 'k' | 'q' | 'u' | 'v' | 'w' | 'x' | 'y')
}

struct Fold {
    text: String,
    origin: Vec<(u32, u32)>,
}

impl Fold {
    fn with_capacity(bytes: usize) -> Fold {
        Fold { text: String::with_capacity(bytes), origin: Vec::with_capacity(bytes) }
    }

    fn push(&mut self, c: char, from: (u32, u32)) {
        self.text.push(c);
        self.origin.resize(self.text.len(), from);
    }

    /// One character of a compatibility decomposition.
    fn take(&mut self, c: char, from: (u32, u32)) {
        if is_combining_mark(c) {
            return self.mark(c, from);
        }
        for lower in c.to_lowercase() {
            match respelt(lower) {
                Some(letters) => letters.chars().for_each(|letter| self.push(letter, from)),
                None if is_combining_mark(lower) => self.mark(lower, from),
                None => self.push(lower, from),
            }
        }
    }

    /// A mark joins its letter in scripts where it is part of the letter, and goes elsewhere.
    fn mark(&mut self, mark: char, from: (u32, u32)) {
        let Some(base) = self.text.chars().next_back() else { return };
        let composed = match takes_marks(base) {
            true => compose(base, mark),
            false => None,
        };
        match composed {
            Some(whole) => {
                let start = self.text.len() - base.len_utf8();
                let first = self.origin[start].0;
                self.text.truncate(start);
                self.origin.truncate(start);
                self.push(whole, (first, from.1));
            }
            None if takes_marks(base) && !is_ornament(mark) => self.push(mark, from),
            // A mask must cover the marks with their letter.
            None => {
                let start = self.text.len() - base.len_utf8();
                self.origin[start..].iter_mut().for_each(|o| o.1 = from.1.max(o.1));
            }
        }
    }
}

/// Latin letters and everything that is no letter lose their marks.
fn takes_marks(base: char) -> bool {
    let latin = matches!(base, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    !latin && (base.is_alphabetic() || is_combining_mark(base))
}

/// Marks that are piled on letters of any script and belong to none.
fn is_ornament(mark: char) -> bool {
    matches!(mark,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Letters that Unicode does not take apart, and punctuation that has an ASCII form.
fn respelt(c: char) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'ı' => "i",
        'ħ' => "h",
        'ŧ' => "t",
        '‘' | '’' | '‛' | '′' | 'ʼ' | 'ʻ' | 'ʹ' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '‐'..='―' | '−' => "-",
        '·' | '•' | '∙' | '・' | '․' => ".",
        '⁄' | '∕' => "/",
        // The blank Braille cell is drawn as a space.
        '\u{2800}' => " ",
        c if c.is_whitespace() => " ",
        _ => return None,
    })
}

/// Characters that are drawn as nothing: Unicode's default ignorables and controls.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn folds_to_one_spelling() {
        let check = |text: &str, expected: &str| {
            let (folded, origin) = plain(text);
            assert_eq!(folded, expected, "{text:?}");
            assert_eq!(folded.len(), origin.len(), "{text:?}");
        };
        check("", "");
        check("BLORP it", "blorp it");
        check("ＢＬＯＲＰ", "blorp");
        check("𝓫𝕝𝖔𝚛𝗽", "blorp");
        check("ⓑⓛⓞⓡⓟ", "blorp");
        check("bl\u{200b}o\u{ad}r\u{202e}p\u{e0041}\u{fe0f}", "blorp");
        check("b\u{336}l\u{336}o\u{300}\u{301}\u{302}rp\u{489}", "blorp");
        check("Élève, cœur, Straße, ŁÓDŹ, İı", "eleve, coeur, strasse, lodz, ii");
        check("l’été «ici»", "l'ete \"ici\"");
        check("и\u{306}од", "йод");
        check("Йод Ёлка", "йод ёлка");
        check("ガギ が", "ガギ が");
        check("हिन्दी", "हिन्दी");
        check("한국 漢字", "한국 漢字");
        check("don\u{b4}t a\u{a0}b", "don t a b");
    }

    #[test]
    fn a_letter_covers_its_marks() {
        let (_, origin) = plain("a\u{301}\u{302}b");
        assert_eq!(origin, [(0, 5), (5, 6)]);
        let (_, origin) = plain("и\u{306}");
        assert_eq!(origin, [(0, 4), (0, 4)]);
    }
}
