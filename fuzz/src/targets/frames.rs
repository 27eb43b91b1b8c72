//! Reads WebSocket frames however they are cut, within bounds, and writes them back.

use tidegate::{
    config::LimitsConfig,
    fuzzing::{Codec, Deflate, Fault, Received, Role},
};

use crate::input::Input;

/// RFC 6455, 5.5.
const CONTROL_MAX: usize = 125;

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let role = input.pick(&[Role::Client, Role::Server]);
    let deflate = input.flag().then(|| Deflate { window: 9 + input.below(7) as u8 });
    let limits = LimitsConfig {
        message_bytes_max: input.pick(&[16, 1024, 64 * 1024]),
        fragments_max: input.pick(&[2, 16]),
        inflate_ratio_max: 20,
        ..LimitsConfig::default()
    };
    let step = 1 + input.below(32);
    let wire = input.bytes();
    let open = |read: &[u8]| Codec::new(role, read, &limits, deflate);

    let (whole, fault) = read(open(wire), &[]);
    let pieces: Vec<_> = wire.chunks(step).collect();
    let (cut, stopped) = read(open(&[]), &pieces);
    assert_eq!((&cut, &stopped), (&whole, &fault), "cut into pieces of {step}");

    let peer = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    for item in whole {
        let mut writer = Codec::new(peer, &[], &limits, deflate);
        match &item {
            Received::Message(frame) => {
                assert!(frame.bytes().len() <= limits.message_bytes_max, "too long");
                writer.write_message(frame);
            }
            Received::Ping(payload) => {
                assert!(payload.len() <= CONTROL_MAX, "a long ping");
                writer.write_pong(payload);
            }
            Received::Pong => writer.write_ping(),
            Received::Close(frame) => writer.write_close(frame.as_ref()),
        }
        // What we make of a message may be smaller than a reader believes who fears bombs.
        let trusting = LimitsConfig { inflate_ratio_max: 10_000, ..limits.clone() };
        let (again, fault) = read(Codec::new(role, writer.outbox(), &trusting, deflate), &[]);
        assert_eq!(fault, None);
        match item {
            Received::Ping(_) => assert_eq!(again, [Received::Pong]),
            Received::Pong => assert_eq!(again, [Received::Ping(Default::default())]),
            item => assert_eq!(again, [item]),
        }
        writer.written(writer.waiting());
        assert_eq!(writer.waiting(), 0);
    }
}

/// Everything that is read until the first fault.
fn read(mut codec: Codec, pieces: &[&[u8]]) -> (Vec<Received>, Option<Fault>) {
    let mut items = Vec::new();
    let mut pieces = pieces.iter();
    loop {
        match codec.next() {
            Ok(Some(item)) => items.push(item),
            Err(fault) => return (items, Some(fault)),
            Ok(None) => match pieces.next() {
                Some(piece) => codec.feed(piece),
                None => return (items, None),
            },
        }
    }
}
