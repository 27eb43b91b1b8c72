//! Plays a network cable: bytes go through late and in pieces, until it is cut.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    task::AbortHandle,
    time::sleep,
};

use super::dice::Dice;

/// As much as a socket's buffers hold, and less: writers have to wait.
const BUFFER: usize = 2_048;

/// Cuts a cable: both ends meet the end of the stream.
pub struct Cut([AbortHandle; 2]);

impl Cut {
    pub fn cut(&self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// A cable's two ends; one byte in `late_ms` milliseconds at the worst.
pub fn cable(dice: &mut Dice, late_ms: u64) -> (DuplexStream, DuplexStream, Cut) {
    let ((here, a), (b, there)) = (duplex(BUFFER), duplex(BUFFER));
    let ((from_a, to_a), (from_b, to_b)) = (split(a), split(b));
    let there_pump = tokio::spawn(pump(from_a, to_b, dice.apart(), late_ms));
    let here_pump = tokio::spawn(pump(from_b, to_a, dice.apart(), late_ms));
    (here, there, Cut([there_pump.abort_handle(), here_pump.abort_handle()]))
}

async fn pump(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut dice: Dice,
    late_ms: u64,
) {
    loop {
        let mut piece = vec![0; 1 + dice.below(300) as usize];
        let Ok(length @ 1..) = from.read(&mut piece).await else { break };
        if dice.one_in(3) {
            sleep(dice.wait(late_ms)).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    // The other way may have something to say yet.
    let _ = to.shutdown().await;
}
