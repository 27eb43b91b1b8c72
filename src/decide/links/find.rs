//! Finds what is, or is read as, the address of a site.
//!
//! A full stop without a space behind it is the commonest slip of the keyboard in chat, and file
//! names and numbers have dots too. So a name and an ending are a link only where something more
//! says so: a scheme, `www.`, a path, a site that is known, or an ending that is no word.

use std::ops::Range;

use super::hosts::{self, HOST_BYTES_MAX};
use crate::message::View;

mod mail;
mod quick;
mod spelt;
mod tokens;

use spelt::Joint;
use tokens::{Token, What};

/// Two stand behind a scheme, and a slip of the keyboard makes a few more.
const SLASHES_MAX: usize = 8;
/// More links than this tell a moderator nothing more; the last one covers the rest.
const LINKS_MAX: usize = 8;
/// No host that anybody types has more labels; more dots than this are looked at in pieces.
const LABELS_MAX: usize = 8;
/// A path is read so far; the rest of a longer one says nothing more of where it leads, and every
/// name in it would be read to its end again.
const PATH_TOKENS_MAX: usize = 256;
/// RFC 1035.
const LABEL_BYTES_MAX: usize = 63;

/// An address in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Bytes of the original text: scheme, host, port and path.
    pub span: Range<usize>,
    /// As a plain reading has it, with dots for whatever stood for them.
    pub host: String,
    /// The same as it was written.
    pub shown: String,
    /// From the slash on; empty without one.
    pub path: String,
    pub form: Form,
    /// How it was hidden from filters, if it was.
    pub hidden: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Name,
    /// Behind another name that only looks like the host: `https://a.org@b.org`.
    Behind,
    /// A number instead of a name.
    Address,
    /// A host that nobody reaches from outside: `http://localhost`.
    Local,
}

/// Every link in a text; `knows` says whether a policy names a host.
pub(super) fn links(text: &str, plain: &View, knows: &dyn Fn(&str, &str) -> bool) -> Vec<Link> {
    if !quick::is_worth_it(&plain.text) {
        return Vec::new();
    }
    let tokens = tokens::tokens(text, plain);
    let finder = Finder { text, plain, tokens: &tokens, knows };
    let mut found: Vec<Link> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (link, next) = finder.link(at);
        at = next.max(at + 1);
        let Some(link) = link else { continue };
        let full = found.len() >= LINKS_MAX;
        match found.last_mut() {
            Some(last) if full => last.span.end = last.span.end.max(link.span.end),
            _ => found.push(link),
        }
    }
    found
}

struct Finder<'a> {
    text: &'a str,
    plain: &'a View,
    tokens: &'a [Token],
    knows: &'a dyn Fn(&str, &str) -> bool,
}

/// Names with something between each two that may be a dot.
struct Chain {
    /// Where in the tokens each label is.
    labels: Vec<usize>,
    joints: Vec<Joint>,
    /// The first token behind it.
    end: usize,
}

/// What stands before a host.
#[derive(Clone, Copy, Default)]
struct Before {
    /// Where the scheme begins.
    scheme: Option<usize>,
    broken: bool,
    /// A name and an @ stood before the host.
    behind: bool,
}

impl Finder<'_> {
    /// The link that begins at a token, and where to go on.
    fn link(&self, at: usize) -> (Option<Link>, usize) {
        if self.what(at) == Some(What::Space) {
            return (None, at + 1);
        }
        let mut before = self.scheme(at);
        let mut at = at;
        if before.scheme.is_some() {
            if self.what(at) == Some(What::Other('[')) {
                return (self.numbered(at, &before), at + 1);
            }
            if let Some(host) = self.behind_at(at) {
                before.behind = self.spelt(at..host).contains('.');
                at = host;
            }
        }
        if self.what(at) != Some(What::Label) {
            return (None, at + 1);
        }
        // Nearly every word: nothing that could be a dot behind it.
        if before.scheme.is_none() && self.joint(at + 1).is_none() {
            return (None, at + 1);
        }
        let mut chain = self.chain(at);
        // Nearly every sentence behind another: its first word is no ending of a name.
        if before.scheme.is_none() && !self.may_be_host(&chain) {
            return (None, chain.end);
        }
        if before.scheme.is_none() {
            if let Some(next) = self.behind_mail(&chain) {
                return (None, next);
            }
            self.leave_mail(&mut chain);
        }
        let link = self.address(&chain, &before).or_else(|| self.best(&chain, &before));
        match link {
            Some((link, end)) => (Some(link), end),
            None => (None, self.apart(&chain)),
        }
    }

    /// Where a link may begin again in a chain that is none as a whole: behind a space in it.
    fn apart(&self, chain: &Chain) -> usize {
        let gap = chain.labels.windows(2).find(|pair| self.is_apart(pair[0]..pair[1]));
        gap.map_or(chain.end, |pair| pair[1])
    }

    /// Whether there is a space among these tokens.
    fn is_apart(&self, mut tokens: Range<usize>) -> bool {
        tokens.any(|at| self.what(at) == Some(What::Space))
    }

    fn what(&self, at: usize) -> Option<What> {
        self.tokens.get(at).map(|token| token.what)
    }

    fn label(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &self.plain.text[token.span.clone()])
    }

    fn spelt(&self, tokens: Range<usize>) -> &str {
        match self.tokens.get(tokens) {
            Some([first, .., last]) => &self.plain.text[first.span.start..last.span.end],
            Some([one]) => &self.plain.text[one.span.clone()],
            _ => "",
        }
    }

    /// The scheme right before a token.
    fn scheme(&self, at: usize) -> Before {
        let none = Before::default();
        let Some(token) = self.tokens.get(at) else { return none };
        let before = &self.plain.text[..token.span.start];
        // More slashes than anybody means are looked at no further: every token asks.
        let slashes = before.bytes().rev().take(SLASHES_MAX).take_while(|b| b"/\\".contains(b));
        let bare = &before[..before.len() - slashes.count()];
        let Some(head) = bare.strip_suffix(':').filter(|_| bare.len() < before.len()) else {
            return none;
        };
        let name = head.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '*').next();
        let name = name.unwrap_or_default();
        let web = matches!(name, "http" | "https" | "ftp" | "hxxp" | "hxxps" | "ws" | "wss")
            || (name.starts_with('h') && name.contains('*'));
        // A drive or a label has a colon and a slash too: `c:\x`, `either:/or`.
        if name.is_empty() || !(web || before.len() - bare.len() == 2 && name.len() > 1) {
            return none;
        }
        let broken = name.contains('*') || name.starts_with("hxx");
        Before { scheme: Some(head.len() - name.len()), broken, behind: false }
    }

    /// The token behind the last @ of an authority.
    fn behind_at(&self, at: usize) -> Option<usize> {
        let ends = |what: What| matches!(what, What::Space | What::Other('/' | '?' | '#' | '\\'));
        let authority = self.tokens[at..].iter().take_while(|token| !ends(token.what));
        let last = authority.enumerate().filter(|(_, t)| t.what == What::Other('@')).last()?;
        Some(at + last.0 + 1)
    }

    fn chain(&self, at: usize) -> Chain {
        let mut chain = Chain { labels: vec![at], joints: Vec::new(), end: at + 1 };
        while chain.labels.len() < LABELS_MAX {
            let Some((joint, next)) = self.joint(chain.end) else { break };
            chain.joints.push(joint);
            chain.labels.push(next);
            chain.end = next + 1;
        }
        chain
    }

    /// A quick look: some label behind the first is an ending, or it may be four numbers.
    fn may_be_host(&self, chain: &Chain) -> bool {
        let ending = |at: &usize| hosts::is_tld(self.label(*at));
        self.label(chain.labels[0]).starts_with(|c: char| c.is_ascii_digit())
            || chain.labels[1..].iter().any(ending)
    }

    /// Four numbers with dots between, or one long one, where they are dialled.
    fn address(&self, chain: &Chain, before: &Before) -> Option<(Link, usize)> {
        let numbers: Vec<&str> = chain.labels.iter().map(|at| self.label(*at)).collect();
        let decimal = |n: &&str| n.len() <= 3 && n.parse::<u8>().is_ok();
        let four = numbers.len() == 4
            && numbers.iter().all(decimal)
            && chain.joints.iter().all(|joint| *joint <= Joint::Bracketed);
        let one = || {
            let number = numbers[0];
            let hex =
                number.strip_prefix("0x").is_some_and(|hex| u32::from_str_radix(hex, 16).is_ok());
            before.scheme.is_some()
                && numbers.len() == 1
                && (hex || (number.len() >= 8 && number.parse::<u32>().is_ok()))
        };
        let (end, port, path) = self.tail(chain.end, false);
        // Without all of that it may be a version, or the doxxing of somebody's address.
        let dialled = before.scheme.is_some() || port || has_name(&path);
        if !(one() || (four && dialled)) {
            return None;
        }
        let labels = 0..chain.labels.len();
        Some((self.made(chain, labels, before, Form::Address, None, (end, path)), end))
    }

    /// An IPv6 address in brackets.
    fn numbered(&self, at: usize, before: &Before) -> Option<Link> {
        let close = (at..self.tokens.len().min(at + 40))
            .find(|at| self.what(*at) == Some(What::Other(']')))?;
        let inside = self.spelt(at + 1..close);
        inside.parse::<std::net::Ipv6Addr>().ok()?;
        let (end, _, path) = self.tail(close + 1, false);
        let start = before.scheme?;
        let stop = self.tokens[end - 1].span.end;
        Some(Link {
            span: self.plain.original(start..stop),
            host: inside.to_owned(),
            shown: inside.to_owned(),
            path,
            form: Form::Address,
            hidden: None,
        })
    }

    /// The most of a chain that is a link.
    fn best(&self, chain: &Chain, before: &Before) -> Option<(Link, usize)> {
        let whole = || (1..chain.labels.len()).rev();
        let strict = whole().find_map(|last| self.strict(chain, last, before));
        let spelt = || {
            let unfit = before.scheme.is_none() || before.broken;
            whole()
                .filter(|_| unfit || chain.joints[0] > Joint::Odd)
                .find_map(|last| self.loose(chain, last, before))
        };
        strict.or_else(spelt).or_else(|| {
            let scheme = before.scheme.filter(|_| self.label(chain.labels[0]).len() > 1);
            scheme?;
            let (end, _, path) = self.tail(chain.end, false);
            let labels = 0..chain.labels.len();
            Some((self.made(chain, labels, before, Form::Local, None, (end, path)), end))
        })
    }

    /// A host up to label `last`, with real dots.
    fn strict(&self, chain: &Chain, last: usize, before: &Before) -> Option<(Link, usize)> {
        let tight = |joint: &Joint| *joint <= Joint::Bracketed;
        let first =
            chain.joints[..last].iter().rposition(|joint| !tight(joint)).map_or(0, |at| at + 1);
        if first == last {
            return None;
        }
        let labels = first..last + 1;
        let host = self.host(chain, labels.clone())?;
        let worst = chain.joints[first..last].iter().max().copied().unwrap_or(Joint::Dot);
        let (end, _, path) = self.tail(chain.labels[last] + 1, false);
        let scheme = before.scheme.is_some() && first == 0;
        let known = self.is_known(&host, &path);
        let tld = self.label(chain.labels[last]);
        let www = host.starts_with("www.") && labels.len() > 2;
        let counts = scheme || known || www && worst <= Joint::Odd || {
            !self.is_in_path(chain.labels[first])
                && is_name(&host)
                && match worst {
                    Joint::Dot => hosts::is_bare(tld) || (has_name(&path) && !is_ending(tld)),
                    Joint::Odd => hosts::is_bare(tld),
                    _ => !spelt::is_stop(self.label(chain.labels[last - 1])),
                }
        };
        if !counts || (self.goes_on(chain.labels[last]) && !scheme) {
            return None;
        }
        let hidden = match worst {
            _ if scheme && before.broken => Some("with a broken scheme"),
            Joint::Dot => None,
            Joint::Odd => Some("with dots of another kind"),
            _ => Some("with its dots in brackets"),
        };
        let form = if scheme && before.behind { Form::Behind } else { Form::Name };
        let own = if scheme { *before } else { Before::default() };
        Some((self.made(chain, labels, &own, form, hidden, (end, path)), end))
    }

    /// A host up to label `last` with something else for one of its dots.
    fn loose(&self, chain: &Chain, last: usize, before: &Before) -> Option<(Link, usize)> {
        let stops = |at: &usize| spelt::is_stop(self.label(chain.labels[*at]));
        let first = (0..last).rev().take_while(|at| !stops(at)).last()?;
        let labels = first..last + 1;
        let joints = &chain.joints[first..last];
        let worst = joints.iter().max().copied().filter(|joint| *joint > Joint::Bracketed)?;
        let host = self.host(chain, labels.clone())?;
        let (end, _, path) = self.tail(chain.labels[last] + 1, true);
        let (tld, name) = (self.label(chain.labels[last]), self.label(chain.labels[last - 1]));
        let known = self.is_known(&host, &path);
        let ends = end >= self.tokens.len() || self.what(end) != Some(What::Space) || {
            end + 1 >= self.tokens.len()
        };
        let case = spelt::Case { tld, name, known, path: has_name(&path), ends };
        let invites = || hosts::known(&host, &path) == Some(hosts::Kind::Invite);
        let counts = match worst {
            Joint::Gone => case.path && invites(),
            joint => is_name(&host) && spelt::counts(joint, &case),
        };
        if !counts || self.goes_on(chain.labels[last]) {
            return None;
        }
        let own = if first == 0 { *before } else { Before::default() };
        Some((
            self.made(chain, labels, &own, Form::Name, Some(spelt::told(worst)), (end, path)),
            end,
        ))
    }

    fn is_known(&self, host: &str, path: &str) -> bool {
        hosts::known(host, path).is_some() || (self.knows)(host, path)
    }

    /// The host that some labels of a chain spell, where it can be one.
    fn host(&self, chain: &Chain, labels: Range<usize>) -> Option<String> {
        let names = labels.clone().map(|at| self.label(chain.labels[at]));
        let fits = names.clone().all(|name| name.len() <= LABEL_BYTES_MAX);
        let host = names.collect::<Vec<_>>().join(".");
        let tld = self.label(chain.labels[labels.end - 1]);
        (fits && host.len() <= HOST_BYTES_MAX && hosts::is_tld(tld)).then_some(host)
    }

    /// Whether a file's folder stands before: `src/main.rs`, `~/x.pl`.
    fn is_in_path(&self, first: usize) -> bool {
        let at = |back: usize| first.checked_sub(back).and_then(|at| self.what(at));
        match at(1) {
            // Two slashes alone are short for the scheme of the page they stand in.
            Some(What::Other('/')) if at(2) == Some(What::Other('/')) => {
                !matches!(at(3), None | Some(What::Space))
            }
            Some(What::Other('/' | '\\' | '~')) => true,
            _ => false,
        }
    }

    /// Whether the name goes on behind its ending, so that it is another one: `a.name_of`.
    fn goes_on(&self, last: usize) -> bool {
        matches!(self.what(last + 1), Some(What::Other('_')))
    }

    /// Port and path from token `at` on: the first token behind, whether there is a port, the
    /// path. In a host that was taken apart, spaces may stand around the slash.
    fn tail(&self, at: usize, apart: bool) -> (usize, bool, String) {
        let mut end = at;
        let digits = |at| self.label(at).bytes().all(|b| b.is_ascii_digit());
        let port = self.what(at) == Some(What::Other(':'))
            && self.what(at + 1) == Some(What::Label)
            && digits(at + 1);
        if port {
            end += 2;
        }
        let mut from = end;
        let space = |at: usize| apart && self.what(at) == Some(What::Space);
        if space(from) && self.what(from + 1) == Some(What::Other('/')) {
            from += 1;
        }
        if !matches!(self.what(from), Some(What::Other('/' | '?' | '#'))) {
            return (end, port, String::new());
        }
        let start = from;
        from += 1;
        if space(from) {
            from += 1;
        }
        let stops = |what: What| matches!(what, What::Space | What::Other('"' | '<' | '>' | '|'));
        let far = start + PATH_TOKENS_MAX;
        while from < far && self.what(from).is_some_and(|what| !stops(what)) {
            from += 1;
        }
        // What closes a sentence is not part of the address.
        let closes = |what: What| {
            matches!(
                what,
                What::Dot { .. } | What::Other(',' | '!' | '?' | ')' | ']' | ';' | ':' | '\'')
            )
        };
        while from > start && self.what(from - 1).is_some_and(closes) {
            from -= 1;
        }
        if from == start {
            return (end, port, String::new());
        }
        let path = self.spelt(start..from).replace(' ', "");
        (from, port, path)
    }
    fn made(
        &self,
        chain: &Chain,
        labels: Range<usize>,
        before: &Before,
        form: Form,
        hidden: Option<&'static str>,
        (end, path): (usize, String),
    ) -> Link {
        let at = &chain.labels[labels];
        let first = self.tokens[at[0]].span.start;
        let stop = self.tokens[end - 1].span.end;
        let written = |at: &usize| {
            let span = self.tokens[*at].span.clone();
            &self.text[self.plain.original(span)]
        };
        Link {
            span: self.plain.original(before.scheme.unwrap_or(first)..stop),
            host: at.iter().map(|at| self.label(*at)).collect::<Vec<_>>().join("."),
            shown: at.iter().map(written).collect::<Vec<_>>().join("."),
            path,
            form,
            hidden,
        }
    }
}

/// A path that says something; a slash behind a word is punctuation.
fn has_name(path: &str) -> bool {
    path.contains(char::is_alphanumeric)
}

/// Endings of French words that are written with a dot and a slash: `joueur.se/s`.
fn is_ending(tld: &str) -> bool {
    matches!(tld, "ne" | "se" | "es" | "ve" | "re")
}

/// Whether a host names something: not `e.g`, not `3.com`, not a suffix alone.
fn is_name(host: &str) -> bool {
    let Some((name, _)) = host.rsplit_once('.') else { return false };
    let word = |label: &str| label.chars().nth(1).is_some() && label.contains(char::is_alphabetic);
    name.split('.').any(word) && !hosts::is_suffix(host)
}
