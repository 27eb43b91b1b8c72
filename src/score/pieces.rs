//! Cuts a model text into pieces of a unigram vocabulary, and long texts into windows of them.
//!
//! Written out here for the sake of size: the crate that trained the vocabulary brings 73 others
//! (regular expressions, progress bars, a thread pool) for what is one trie and one pass over it.
//! `tests/model/ids.jsonl` holds what that crate makes of thousands of texts, and this must agree.

use std::collections::HashSet;

use super::text::model_text;

/// Ids that no text can spell.
const UNKNOWN: u32 = 1;
const START: i32 = 2;
const END: i32 = 3;
const SPECIAL: [&str; 4] = ["<pad>", "<unk>", "<s>", "</s>"];

/// Stands for a space, so that a piece may know that it begins a word.
const SPACE: char = '\u{2581}';

/// What a character without a piece costs, below the worst piece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// Pieces that two windows share, so that nothing is cut off from all it stands beside.
const OVERLAP: usize = 16;
/// Windows of one text. A longer one is read at its beginning and at its end, for whoever pads a
/// text to hide something in it pads before it; and what it costs stays that of a few messages.
const WINDOWS_MAX: usize = 3;

const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
const PIECES_MAX: usize = 500_000;
const PIECE_BYTES_MAX: usize = 256;

/// A vocabulary, ready to cut texts.
pub struct Pieces {
    trie: Trie,
    /// The log probability of each id.
    scores: Vec<f64>,
    unknown: f64,
}

impl Pieces {
    /// Parses `piece<TAB>log probability` lines; the line's number, from 0, is the id.
    ///
    /// # Errors
    /// The first line that is wrong, and why.
    pub fn parse(file: &[u8]) -> Result<Pieces, String> {
        if file.len() > FILE_BYTES_MAX {
            return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(file).map_err(|error| format!("not UTF-8: {error}"))?;
        let (mut pieces, mut scores) = (Vec::new(), Vec::new());
        for (index, line) in text.strip_suffix('\n').unwrap_or(text).split('\n').enumerate() {
            let wrong = |cause: &str| format!("line {}: {cause}", index + 1);
            let (piece, score) = line.split_once('\t').ok_or_else(|| wrong("no tab"))?;
            let score: f64 = score.parse().map_err(|_| wrong("no number behind the tab"))?;
            if !score.is_finite() || score > 0.0 {
                return Err(wrong("not a log probability"));
            }
            if index >= PIECES_MAX {
                return Err(wrong(&format!("more than {PIECES_MAX} pieces")));
            }
            match SPECIAL.get(index) {
                Some(special) if *special != piece => return Err(wrong(&format!("not {special}"))),
                Some(_) => {}
                None if piece.is_empty() || piece.len() > PIECE_BYTES_MAX => {
                    return Err(wrong(&format!("not a piece of 1 to {PIECE_BYTES_MAX} bytes")));
                }
                None => pieces.push((piece.as_bytes(), index as u32)),
            }
            scores.push(score);
        }
        let mut seen = HashSet::with_capacity(pieces.len());
        if let Some((_, id)) = pieces.iter().find(|(piece, _)| !seen.insert(*piece)) {
            return Err(format!("line {}: a piece that was there before", id + 1));
        }
        if pieces.is_empty() {
            return Err("no pieces".to_owned());
        }
        let unknown = scores.iter().copied().fold(0.0, f64::min) - UNKNOWN_PENALTY;
        Ok(Pieces { trie: Trie::build(pieces), scores, unknown })
    }

    /// How many ids there are.
    pub fn count(&self) -> usize {
        self.scores.len()
    }

    /// The rows of ids that the model is to read for a text: at least one, at most
    /// [`WINDOWS_MAX`], each framed and at most `input_max` long.
    pub fn windows(&self, text: &str, input_max: usize) -> Vec<Vec<i32>> {
        let ids = self.ids(&model_text(text));
        let size = input_max.saturating_sub(2).max(OVERLAP + 1);
        let stride = size - OVERLAP;
        // A window begins with what the one before ended with: that alone is no reason for it.
        let mut starts: Vec<usize> =
            (0..ids.len().saturating_sub(OVERLAP).max(1)).step_by(stride).collect();
        if starts.len() > WINDOWS_MAX {
            starts.truncate(WINDOWS_MAX - 1);
            starts.push(ids.len() - size);
        }
        let row = |start: usize| {
            let window = ids[start..ids.len().min(start + size)].iter().map(|id| *id as i32);
            [START].into_iter().chain(window).chain([END]).collect()
        };
        starts.into_iter().map(row).collect()
    }

    /// The most probable pieces of a model text.
    fn ids(&self, text: &str) -> Vec<u32> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut spelled = String::with_capacity(text.len() + 8);
        spelled.push(SPACE);
        spelled.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        let mut ids = backtrack(&self.best(spelled.as_bytes()));
        ids.dedup_by(|next, last| *next == UNKNOWN && *last == UNKNOWN);
        ids
    }

    /// For each place in the text, the last piece of the best way there.
    ///
    /// Among equals the longer piece stays, as in training: it is seen first, and the other is not
    /// better.
    fn best(&self, text: &[u8]) -> Vec<Step> {
        let mut best =
            vec![Step { score: f64::NEG_INFINITY, from: 0, id: UNKNOWN }; text.len() + 1];
        best[0].score = 0.0;
        let mut at = 0;
        while at < text.len() {
            let here = best[at].score;
            let next = at + char_bytes(text[at]);
            let mut single = false;
            self.trie.prefixes(&text[at..], |length, id| {
                let score = here + self.scores[id as usize];
                best[at + length].improve(score, at, id);
                single |= at + length == next;
            });
            if !single {
                best[next].improve(here + self.unknown, at, UNKNOWN);
            }
            at = next;
        }
        best
    }
}

#[derive(Clone, Copy)]
struct Step {
    score: f64,
    /// Where its piece begins.
    from: usize,
    id: u32,
}

impl Step {
    fn improve(&mut self, score: f64, from: usize, id: u32) {
        if score > self.score {
            *self = Step { score, from, id };
        }
    }
}

fn backtrack(best: &[Step]) -> Vec<u32> {
    let mut ids = Vec::new();
    let mut at = best.len() - 1;
    while at > 0 {
        ids.push(best[at].id);
        at = best[at].from;
    }
    ids.reverse();
    ids
}

/// The length of the character that begins with this byte of a valid text.
fn char_bytes(first: u8) -> usize {
    match first {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

/// Every piece by its bytes. Nodes are numbered breadth first, so that the children of a node are
/// neighbours, in order, and one number says where they begin.
struct Trie {
    /// One more than there are nodes: the children of `n` are `first[n]..first[n + 1]`.
    first: Vec<u32>,
    byte: Vec<u8>,
    /// The id of the piece that ends here, or [`NONE`].
    id: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Trie {
    fn build(mut pieces: Vec<(&[u8], u32)>) -> Trie {
        pieces.sort_unstable();
        let mut trie = Trie { first: Vec::new(), byte: vec![0], id: vec![NONE] };
        // Which pieces go through each node, and how many of their bytes lie behind it.
        let mut through = vec![(0, pieces.len(), 0)];
        let mut node = 0;
        while let Some(&(mut from, to, depth)) = through.get(node) {
            trie.first.push(trie.byte.len() as u32);
            // No piece is there twice, and the one that ends here is the first of them.
            if from < to && pieces[from].0.len() == depth {
                trie.id[node] = pieces[from].1;
                from += 1;
            }
            while from < to {
                let byte = pieces[from].0[depth];
                let same = pieces[from..to].partition_point(|(piece, _)| piece[depth] == byte);
                trie.byte.push(byte);
                trie.id.push(NONE);
                through.push((from, from + same, depth + 1));
                from += same;
            }
            node += 1;
        }
        trie.first.push(trie.byte.len() as u32);
        trie
    }

    /// Length and id of every piece that `text` begins with, shortest first.
    fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut node = 0;
        for (index, byte) in text.iter().enumerate() {
            let (from, to) = (self.first[node] as usize, self.first[node + 1] as usize);
            match self.byte[from..to].binary_search(byte) {
                Ok(at) => node = from + at,
                Err(_) => return,
            }
            if self.id[node] != NONE {
                found(index + 1, self.id[node]);
            }
        }
    }
}
