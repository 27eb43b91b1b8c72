//! Finds pictures made of characters: Braille patterns, boxes, lines of symbols.
//!
//! What such a picture shows no list can read, so the policy says what becomes of it, and a person
//! looks. It is a rule of density: text that is written in Braille has cells of every kind and
//! spaces between its words, and a face or an arrow is short.

use super::{Heard, Policy, Rule, Seen};
use crate::message::{Category, Finding, Severity};

pub(super) const ART: &str = "art";

const ART_SEVERITY: Severity = Severity::new(1).expect("1 is a severity");

/// Characters that draw, below which nothing can be made out.
const DRAWN_MIN: usize = 20;
/// Their share of everything that is not a space.
const DRAWN_SHARE_MIN: f32 = 0.6;
/// Symbols of the keyboard take more room for a picture, and have other uses.
const TYPED_MIN: usize = 60;
const TYPED_SHARE_MIN: f32 = 0.75;
/// Lines, or wide gaps: a picture has a second dimension.
const ROWS_MIN: usize = 3;
/// Braille words are rarely longer; a picture's rows have few or no gaps.
const BRAILLE_WORD_MAX: usize = 20;
/// Braille is written with the upper six dots of a cell, seldom with all of them; what shades a
/// picture uses all eight.
const WRITTEN_DOTS: u32 = 0x3f;
const DENSE_DOTS_MIN: u32 = 6;

pub(super) struct Art;

impl Rule for Art {
    fn name(&self) -> &'static str {
        ART
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let Some(why) = art(&seen.message.text) else { return };
        found.push(Finding {
            rule: ART.to_owned(),
            category: Category::Spam,
            severity: ART_SEVERITY,
            span: None,
            why,
            shadow: policy.in_shadow(Category::Spam),
            scored: None,
        });
    }
}

/// What makes a text a picture, if anything.
pub(super) fn art(text: &str) -> Option<String> {
    // Nearly every line: too short for symbols, and nothing else in it draws.
    if text.is_ascii() && text.bytes().filter(u8::is_ascii_punctuation).count() < TYPED_MIN {
        return None;
    }
    let counts = Counts::of(text);
    let share = |part: usize| part as f32 / counts.shown.max(1) as f32;
    if counts.braille >= DRAWN_MIN && share(counts.braille) >= DRAWN_SHARE_MIN && !counts.is_text()
    {
        return Some(format!("{} Braille patterns that are no text", counts.braille));
    }
    if counts.drawn >= DRAWN_MIN && share(counts.drawn) >= DRAWN_SHARE_MIN {
        return Some(format!("{} characters for drawing", counts.drawn));
    }
    let rows = counts.lines.max(counts.gaps);
    let typed = counts.typed >= TYPED_MIN && share(counts.typed) >= TYPED_SHARE_MIN;
    // One character over and over is a line, not a picture.
    (typed && rows >= ROWS_MIN && counts.kinds >= 2)
        .then(|| format!("{} symbols in {rows} rows", counts.typed))
}

#[derive(Default)]
struct Counts {
    /// All that is no space.
    shown: usize,
    braille: usize,
    /// Braille cells that are no letter.
    dense: usize,
    /// The longest run of Braille without a gap.
    braille_run: usize,
    /// Boxes, blocks and shades.
    drawn: usize,
    /// Symbols of the keyboard.
    typed: usize,
    kinds: usize,
    lines: usize,
    /// Runs of three spaces or more: rows of a picture that lost its line breaks.
    gaps: usize,
}

impl Counts {
    fn of(text: &str) -> Counts {
        let mut counts = Counts::default();
        let (mut run, mut spaces) = (0, 0);
        let mut kinds = [false; 128];
        for c in text.chars() {
            // The blank cell is a space in text and the ground in a picture.
            let blank = c == '\u{2800}';
            match c {
                '\u{2801}'..='\u{28ff}' => {
                    counts.braille += 1;
                    let dots = c as u32 - 0x2800;
                    let letter = dots <= WRITTEN_DOTS && dots.count_ones() < DENSE_DOTS_MIN;
                    counts.dense += usize::from(!letter);
                }
                '\u{2500}'..='\u{25ff}' | '\u{1fb00}'..='\u{1fbaf}' | '\u{23b8}'..='\u{23bf}' => {
                    counts.drawn += 1;
                }
                '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => {
                    counts.typed += 1;
                    kinds[c as usize] = true;
                }
                _ => {}
            }
            run = if matches!(c, '\u{2801}'..='\u{28ff}') { run + 1 } else { 0 };
            counts.braille_run = counts.braille_run.max(run);
            let space = c.is_whitespace() || blank;
            spaces = if space { spaces + 1 } else { 0 };
            counts.gaps += usize::from(spaces == 3);
            counts.shown += usize::from(!space);
        }
        counts.kinds = kinds.iter().filter(|seen| **seen).count();
        counts.lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        counts
    }

    /// Written in Braille: words with single spaces between, nearly all of letters.
    fn is_text(&self) -> bool {
        let words = self.braille_run <= BRAILLE_WORD_MAX && self.gaps < ROWS_MIN;
        words && self.dense * 5 <= self.braille
    }
}
