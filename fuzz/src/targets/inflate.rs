//! Inflates messages within bounds, as another library does, and back to what was deflated.

use bytes::Bytes;
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};
use tidegate::fuzzing::{Deflate, WORTH_IT, Wrong, inflate};

use crate::input::Input;

/// What ends a message whose compressed form ends with an empty stored block (RFC 7692, 7.2.2), and
/// an empty last block.
const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let max = input.pick(&[0, 100, 4096, 64 * 1024]);
    let window = 9 + input.below(7) as u8;
    let payload = input.bytes();
    let read = inflate(payload, max);
    assert!(read.as_ref().is_ok_and(|read| read.len() <= max) || read.is_err());
    compare(payload, max, &read);

    // Long enough to be worth it.
    let times = 1 + 2 * WORTH_IT / payload.len().max(1);
    let plain = payload.repeat(times.min(64));
    if let Some(deflated) = (Deflate { window }).deflate(&plain) {
        assert!(deflated.len() < plain.len(), "it grew");
        assert_eq!(inflate(&deflated, plain.len()), Ok(Bytes::from(plain.clone())));
        assert_eq!(inflate(&deflated, plain.len() - 1), Err(Wrong::Big));
    }
}

/// Holds the answer against that of a library that shares no code with ours.
fn compare(payload: &[u8], max: usize, read: &Result<Bytes, Wrong>) {
    if payload.is_empty() {
        return assert_eq!(*read, Ok(Bytes::new()));
    }
    let whole = [payload, &TAIL].concat();
    let mut out = vec![0; max + 1];
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut other = DecompressorOxide::new();
    let (status, used, length) = decompress(&mut other, &whole, &mut out, 0, flags);
    // A last block within the message: ours goes on with another stream, theirs does not.
    let ended_early = status == TINFLStatus::Done && used < whole.len();
    match (status, read) {
        _ if ended_early => {
            if let Ok(read) = read {
                assert!(read.starts_with(&out[..length]), "another beginning");
            }
        }
        (TINFLStatus::Done, Ok(read)) => assert_eq!(read[..], out[..length]),
        (TINFLStatus::Done, Err(wrong)) => assert!(*wrong == Wrong::Big && length > max),
        (TINFLStatus::HasMoreOutput, Err(_)) => {}
        (_, Err(_)) => {}
        (status, Ok(_)) => panic!("the other library says {status:?}"),
    }
}
