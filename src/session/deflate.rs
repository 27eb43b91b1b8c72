//! Agrees on compression (permessage-deflate, RFC 7692), and inflates and deflates in bounds.
//!
//! No context is kept from one message to the next: whoever is quiet costs no memory, and no
//! message is compressed together with another that its reader must not guess. What the arithmetic
//! needs belongs to the thread and is shared by all connections on it.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};

const NAME: &str = "permessage-deflate";
/// What we ask of an upstream. With `client_max_window_bits` it may ask a smaller window of us.
pub const OFFER: &str = "permessage-deflate; server_no_context_takeover; \
                         client_no_context_takeover; client_max_window_bits";
/// What is shorter goes out as it is: it fits one packet either way, and a chat line alone hardly
/// shrinks.
pub const WORTH_IT: usize = 1024;
/// What a few bytes may become whatever the ratio says: a line of one letter is honest.
pub const ALWAYS: usize = 4096;
/// The smallest and the largest window that zlib deflates with, in bits.
const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;
/// What ended the message and was cut off, and an empty last block: reaching its end proves that
/// the message was whole.
const TAIL: &[u8] = &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// Streams in one message; each costs a reset, and nobody honest needs a second.
const STREAMS_MAX: usize = 8;

/// What was agreed on for one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The window that we may compress with, in bits.
    pub window: u8,
}

/// Why a message was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It would be larger than it may be.
    Big,
    /// It is not deflated, or not whole.
    Garbled,
}

/// The first of a client's offers that can be honoured, and our answer to it.
///
/// An offer that is unknown, malformed or cannot be kept to is passed over (RFC 7692, 7.1).
pub fn accept(headers: &HeaderMap) -> Option<(Deflate, HeaderValue)> {
    let offers = parse(headers)?;
    offers.iter().filter(|offer| offer.name == NAME).find_map(|offer| {
        let asked = Asked::read(&offer.params, false)?;
        // A window of 8 bits is one that zlib cannot deflate with.
        let window = asked.server_window.flatten();
        let window = window.map_or(Some(15), |bits| WINDOWS.contains(&bits).then_some(bits))?;
        let mut answer = format!("{NAME}; server_no_context_takeover; client_no_context_takeover");
        if asked.server_window.is_some() {
            answer.push_str(&format!("; server_max_window_bits={window}"));
        }
        Some((Deflate { window }, HeaderValue::from_str(&answer).ok()?))
    })
}

/// What an upstream made of our offer; an error where it answers what was not offered.
pub fn agreed(headers: &HeaderMap, offered: bool) -> Result<Option<Deflate>, &'static str> {
    if !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Ok(None);
    }
    let extensions = parse(headers).ok_or("malformed extensions")?;
    match extensions.as_slice() {
        [] => Ok(None),
        [one] if offered && one.name == NAME => {
            let asked = Asked::read(&one.params, true).ok_or("wrong compression parameters")?;
            if !asked.server_no_context {
                return Err("compression with a context that was not offered");
            }
            let window = asked.client_window.flatten().unwrap_or(15);
            match WINDOWS.contains(&window) {
                true => Ok(Some(Deflate { window })),
                false => Err("a compression window that cannot be kept to"),
            }
        }
        _ => Err("an extension that was not offered"),
    }
}

struct Extension {
    name: String,
    params: Vec<(String, Option<String>)>,
}

/// The list in `Sec-WebSocket-Extensions`; `None` where it is not one (RFC 6455, 9.1).
fn parse(headers: &HeaderMap) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for line in headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS) {
        // A quoted value must be a token too, so that commas and semicolons always separate.
        for one in line.to_str().ok()?.split(',') {
            let mut parts = one.split(';').map(str::trim);
            let name = token(parts.next()?)?;
            let mut params = Vec::new();
            for part in parts {
                params.push(match part.split_once('=') {
                    None => (token(part)?, None),
                    Some((key, value)) => {
                        let value = value.trim();
                        let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                        (token(key.trim())?, Some(token(bare.unwrap_or(value))?))
                    }
                });
            }
            extensions.push(Extension { name, params });
        }
    }
    Some(extensions)
}

fn token(text: &str) -> Option<String> {
    let part = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (!text.is_empty() && text.bytes().all(part)).then(|| text.to_owned())
}

/// The parameters of one offer or answer.
#[derive(Default)]
struct Asked {
    server_no_context: bool,
    client_no_context: bool,
    server_window: Option<Option<u8>>,
    client_window: Option<Option<u8>>,
}

impl Asked {
    /// `None` where a parameter is unknown, comes twice or has a value that it must not have.
    fn read(params: &[(String, Option<String>)], answer: bool) -> Option<Asked> {
        let mut asked = Asked::default();
        for (key, value) in params {
            let value = value.as_deref();
            match key.as_str() {
                "server_no_context_takeover" => flag(&mut asked.server_no_context, value)?,
                "client_no_context_takeover" => flag(&mut asked.client_no_context, value)?,
                "server_max_window_bits" => bits(&mut asked.server_window, value, true)?,
                "client_max_window_bits" => bits(&mut asked.client_window, value, answer)?,
                _ => return None,
            }
        }
        Some(asked)
    }
}

fn flag(place: &mut bool, value: Option<&str>) -> Option<()> {
    (value.is_none() && !std::mem::replace(place, true)).then_some(())
}

fn bits(place: &mut Option<Option<u8>>, value: Option<&str>, needed: bool) -> Option<()> {
    let value = match value {
        None if needed => return None,
        None => None,
        Some(text @ ("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => text.parse().ok(),
        Some(_) => return None,
    };
    place.replace(value).is_none().then_some(())
}

thread_local! {
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
    /// One for each window.
    static DEFLATERS: RefCell<[Option<Compress>; 7]> = const { RefCell::new([const { None }; 7]) };
}

/// A whole message, inflated to no more than `max` bytes.
pub fn inflate(payload: &[u8], max: usize) -> Result<Bytes, Wrong> {
    if payload.is_empty() {
        return Ok(Bytes::new());
    }
    INFLATER.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        let first = payload.len().saturating_mul(4).min(max) + 1;
        let mut out = Vec::with_capacity(first);
        let mut resets = 0;
        inflater.reset(false);
        for (mut rest, last) in [(payload, false), (TAIL, true)] {
            loop {
                let before = inflater.total_in();
                let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::Sync);
                let status = status.map_err(|_| Wrong::Garbled)?;
                rest = &rest[(inflater.total_in() - before) as usize..];
                if out.len() > max {
                    return Err(Wrong::Big);
                }
                match status {
                    Status::StreamEnd if rest.is_empty() => return Ok(Bytes::from(out)),
                    // A last block within the message: what follows is a stream of its own.
                    Status::StreamEnd => {
                        resets += 1;
                        if resets >= STREAMS_MAX {
                            return Err(Wrong::Garbled);
                        }
                        inflater.reset(false);
                    }
                    _ if out.len() < out.capacity() && rest.is_empty() => break,
                    // It wants neither room nor bytes and goes no further.
                    _ if out.len() < out.capacity() => return Err(Wrong::Garbled),
                    _ => out.reserve_exact(out.len().min(max + 1 - out.len()).max(1)),
                }
            }
            if last {
                break;
            }
        }
        Err(Wrong::Garbled)
    })
}

impl Deflate {
    /// A message deflated; `None` where that is not worth it.
    pub fn deflate(self, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.len() < WORTH_IT || !WINDOWS.contains(&self.window) {
            return None;
        }
        DEFLATERS.with_borrow_mut(|deflaters| {
            let place = &mut deflaters[usize::from(self.window - WINDOWS.start())];
            let deflater = place.get_or_insert_with(|| {
                Compress::new_with_window_bits(Compression::default(), false, self.window)
            });
            deflater.reset();
            let mut out = Vec::with_capacity(payload.len());
            deflater.compress_vec(payload, &mut out, FlushCompress::Sync).ok()?;
            // A full buffer may lack the end, and then nothing was saved either.
            if deflater.total_in() < payload.len() as u64 || out.len() == out.capacity() {
                return None;
            }
            out.ends_with(&TAIL[..4]).then(|| out.truncate(out.len() - 4))?;
            Some(out)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offered(lines: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(header::SEC_WEBSOCKET_EXTENSIONS, line.parse().expect("a value"));
        }
        map
    }

    #[test]
    fn the_first_offer_that_can_be_kept_is_taken() {
        for (lines, window) in [
            (&[][..], None),
            (&["permessage-deflate"], Some(15)),
            (&["permessage-deflate; client_max_window_bits"], Some(15)),
            (&["permessage-deflate;client_max_window_bits=8"], Some(15)),
            (&["x-other; a=\"b\", permessage-deflate; server_max_window_bits=\"10\""], Some(10)),
            (&["permessage-deflate; server_max_window_bits=8"], None),
            (&["permessage-deflate; server_max_window_bits=8, permessage-deflate"], Some(15)),
            (&["permessage-deflate; server_max_window_bits=9", "permessage-deflate"], Some(9)),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_max_window_bits=09"], None),
            (&["permessage-deflate; server_max_window_bits=16"], None),
            (&["permessage-deflate; server_no_context_takeover=1"], None),
            (&["permessage-deflate; client_no_context_takeover; unheard_of"], None),
            (&["permessage-deflate; client_no_context_takeover; client_no_context_takeover"], None),
            (&["permessage-deflate; a b"], None),
            (&["permessage-deflate;"], None),
            (&["Permessage-Deflate"], None),
        ] {
            let taken = accept(&offered(lines));
            assert_eq!(taken.as_ref().map(|(deflate, _)| deflate.window), window, "{lines:?}");
            let said = taken.map(|(_, answer)| answer.to_str().expect("readable").to_owned());
            let small = said.as_ref().is_some_and(|said| said.contains("server_max_window_bits"));
            assert_eq!(small, window.is_some_and(|window| window < 15), "{said:?}");
        }
    }

    #[test]
    fn an_upstream_may_answer_what_was_offered_and_nothing_else() {
        let plain = "permessage-deflate; server_no_context_takeover";
        let with = |more: &str| format!("{plain}; {more}");
        for (line, expected) in [
            (plain.to_owned(), Some(15)),
            (with("client_no_context_takeover; server_max_window_bits=8"), Some(15)),
            (with("client_max_window_bits=9"), Some(9)),
            (with("client_max_window_bits=8"), None),
            (with("client_max_window_bits"), None),
            (with("other"), None),
            ("permessage-deflate".to_owned(), None),
            ("x-webkit-deflate-frame".to_owned(), None),
            (format!("{plain}, {plain}"), None),
        ] {
            let answered = offered(&[&line]);
            let read = agreed(&answered, true).ok().flatten();
            assert_eq!(read.map(|deflate| deflate.window), expected, "{line}");
            assert!(agreed(&answered, false).is_err(), "{line}");
        }
        assert_eq!(agreed(&HeaderMap::new(), true), Ok(None));
    }

    #[test]
    fn examples_of_the_rfc_are_read() {
        for (payload, expected) in [
            (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], Ok("Hello")),
            (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], Ok("Hello")),
            // A last block, with and without the empty one that should follow it.
            (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], Ok("Hello")),
            (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], Ok("Hello")),
            // Two blocks.
            (
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
                Ok("Hello"),
            ),
            (&[0x00], Ok("")),
            (&[], Ok("")),
            (&[0xf2, 0x48, 0xcd], Err(Wrong::Garbled)),
            (&[0xff, 0xff, 0xff], Err(Wrong::Garbled)),
            // It looks back beyond its beginning: a context that was not agreed on.
            (&[0xf2, 0x00, 0x11, 0x00, 0x00], Err(Wrong::Garbled)),
            (&[0x03, 0x00].repeat(100), Err(Wrong::Garbled)),
        ] {
            let read = inflate(payload, 100);
            assert_eq!(read, expected.map(|text| Bytes::from_static(text.as_bytes())));
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0; 1_000_000];
        let bomb = Deflate { window: 15 }.deflate(&zeros).expect("worth it");
        assert!(bomb.len() < 2000);
        assert_eq!(inflate(&bomb, 999_999), Err(Wrong::Big));
        assert_eq!(inflate(&bomb, 0), Err(Wrong::Big));
        assert_eq!(inflate(&bomb, 1_000_000).map(|bytes| bytes.len()), Ok(1_000_000));
    }

    #[test]
    fn what_does_not_shrink_goes_out_as_it_is() {
        let deflate = Deflate { window: 15 };
        assert_eq!(deflate.deflate(&[b'a'; WORTH_IT - 1]), None);
        assert!(deflate.deflate(&[b'a'; WORTH_IT]).is_some());
        let mut noise = [0; 4096];
        getrandom::fill(&mut noise).expect("randomness");
        assert_eq!(deflate.deflate(&noise), None);
    }

    proptest! {
        /// Whatever window it was deflated with, the same comes out.
        #[test]
        fn what_is_deflated_is_inflated(
            words in prop::collection::vec("[a-z]{1,8}", 400..2000),
            window in 9..=15_u8,
        ) {
            let text = words.join(" ");
            let deflated = Deflate { window }.deflate(text.as_bytes());
            if let Some(deflated) = deflated {
                prop_assert_eq!(inflate(&deflated, text.len()), Ok(Bytes::from(text)));
            }
        }

        /// No bytes at all make it panic or go beyond the limit.
        #[test]
        fn any_bytes_are_inflated_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            max in 0..3000_usize,
        ) {
            if let Ok(read) = inflate(&bytes, max) {
                prop_assert!(read.len() <= max);
            }
        }
    }
}
