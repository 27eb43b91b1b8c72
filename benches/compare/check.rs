//! Checks that a subject does its work before anybody measures how fast.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    Outcome,
    chat::{self, Dice},
    runtime,
    wire::{self, Inbox},
};

/// What comes back from `address` is what was sent; with `listed`, all but that term.
pub fn check(address: &str, listed: Option<&str>) -> Outcome<()> {
    runtime()?.block_on(async {
        let mut stream = wire::connect(address).await?;
        let mut inbox = Inbox::default();
        let mut dice = Dice::new("check", 1);
        for id in 0..200 {
            let message = chat::message(id, &mut dice);
            returns(&mut stream, &mut inbox, wire::TEXT, message.as_bytes()).await?;
        }
        let binary: Vec<u8> = (0..2000u32).map(|byte| byte as u8).collect();
        returns(&mut stream, &mut inbox, wire::BINARY, &binary).await?;
        match listed {
            Some(term) => stops(&mut stream, &mut inbox, term).await,
            None => Ok(()),
        }
    })
}

async fn send(stream: &mut TcpStream, opcode: u8, payload: &[u8]) -> Outcome<()> {
    let mut frame = Vec::new();
    wire::write_frame(opcode, payload, 0x1234_5678, &mut frame);
    stream.write_all(&frame).await.map_err(|e| e.to_string())
}

async fn returns(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    opcode: u8,
    payload: &[u8],
) -> Outcome<()> {
    send(stream, opcode, payload).await?;
    let (came, back) = wire::receive(stream, inbox).await?;
    match (came, back.as_slice()) == (opcode, payload) {
        true => Ok(()),
        false => Err(format!(
            "sent {:?}, got {:?} back",
            String::from_utf8_lossy(payload),
            String::from_utf8_lossy(&back)
        )),
    }
}

/// A listed term between two innocent lines: the second comes back, the term does not.
async fn stops(stream: &mut TcpStream, inbox: &mut Inbox, term: &str) -> Outcome<()> {
    let last = chat::saying(999, "that was so close");
    send(stream, wire::TEXT, chat::saying(998, &format!("you {term}")).as_bytes()).await?;
    send(stream, wire::TEXT, last.as_bytes()).await?;
    let mut told = false;
    loop {
        let (_, back) = wire::receive(stream, inbox).await?;
        if back == last.as_bytes() {
            break;
        }
        let back = String::from_utf8_lossy(&back).into_owned();
        if back.contains(term) {
            return Err(format!("the listed term {term:?} came through: {back}"));
        }
        told |= back.contains("\"notice\"");
    }
    match told {
        true => Ok(()),
        false => Err(format!("the listed term {term:?} vanished without a notice")),
    }
}
