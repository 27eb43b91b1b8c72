//! Masks what a client sends (RFC 6455, 5.3).

use std::cell::RefCell;

/// XORs a payload with its mask, eight bytes at a time.
pub fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(chunk.try_into().expect("eight bytes")) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// A mask that nobody can predict (RFC 6455, 10.3), drawn from the system 64 at a time.
pub fn fresh_mask() -> [u8; 4] {
    thread_local! {
        static POOL: RefCell<([u8; 256], usize)> = const { RefCell::new(([0; 256], 256)) };
    }
    POOL.with_borrow_mut(|(pool, used)| {
        if *used == pool.len() {
            // Without randomness a mask is merely predictable; the frame is still right.
            let _ = getrandom::fill(pool);
            *used = 0;
        }
        let mask = [pool[*used], pool[*used + 1], pool[*used + 2], pool[*used + 3]];
        *used += 4;
        mask
    })
}
