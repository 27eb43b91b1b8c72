//! Binds the ports' sockets, and passes them to another process or takes them over from one.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::StartError;
use crate::config::ListenConfig;

/// Sockets need a byte to travel with.
const WITH: &[u8] = b"\n";
/// Chat, console, admin.
const COUNT: usize = 3;
const SPACE: usize = rustix::cmsg_space!(ScmRights(COUNT));

/// The listening sockets for chat, console and admin, in this order. As long as one process has
/// them, whoever connects waits in the kernel's queue and is not refused.
pub struct Sockets([TcpListener; COUNT]);

impl Sockets {
    /// Listens on the addresses of the settings, by the inherited sockets where they are there
    /// already, and fills in the ports that were left open.
    pub fn bind(
        listen: &mut ListenConfig,
        inherited: Option<Sockets>,
    ) -> Result<Sockets, StartError> {
        let [chat, console, admin] = match inherited {
            Some(Sockets(sockets)) => sockets.map(Some),
            None => [None, None, None],
        };
        Ok(Sockets([
            bind(&mut listen.chat, chat)?,
            bind(&mut listen.console, console)?,
            bind(&mut listen.admin, admin)?,
        ]))
    }

    /// The same sockets for the runtime to accept from.
    pub fn listeners(&self) -> Result<[tokio::net::TcpListener; COUNT], StartError> {
        let [chat, console, admin] = &self.0;
        Ok([listener(chat)?, listener(console)?, listener(admin)?])
    }

    /// Passes copies to whoever is at the other end.
    pub fn send(&self, to: &UnixStream) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let sockets = self.0.each_ref().map(AsFd::as_fd);
        let fits = control.push(SendAncillaryMessage::ScmRights(&sockets));
        debug_assert!(fits, "the space is as large as they are");
        sendmsg(to, &[IoSlice::new(WITH)], &mut control, SendFlags::empty())?;
        Ok(())
    }

    /// Takes over what [`Sockets::send`] passes; `None` where it is something else.
    pub fn receive(from: impl AsFd) -> io::Result<Option<Sockets>> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0; WITH.len()];
        recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
        let mut passed: Vec<OwnedFd> = Vec::with_capacity(COUNT);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                passed.extend(sockets);
            }
        }
        for socket in &passed {
            // No program that this one starts is meant to have them by accident.
            rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
        }
        let passed: Result<[OwnedFd; COUNT], _> = passed.try_into();
        Ok(passed.ok().map(|passed| Sockets(passed.map(TcpListener::from))))
    }
}

/// Listens on an address and fills in the port where it was left open.
fn bind(
    address: &mut SocketAddr,
    inherited: Option<TcpListener>,
) -> Result<TcpListener, StartError> {
    let failed = |cause| StartError::Bind { address: *address, cause };
    let is_meant = |own: SocketAddr| {
        own.ip() == address.ip() && (own.port() == address.port() || address.port() == 0)
    };
    let meant = inherited.filter(|socket| socket.local_addr().is_ok_and(is_meant));
    let socket = match meant {
        Some(socket) => socket,
        None => TcpListener::bind(*address).map_err(failed)?,
    };
    *address = socket.local_addr().map_err(failed)?;
    Ok(socket)
}

fn listener(socket: &TcpListener) -> Result<tokio::net::TcpListener, StartError> {
    let copy = || {
        let copy = socket.try_clone()?;
        copy.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(copy)
    };
    copy().map_err(|cause| {
        let address = socket.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        StartError::Bind { address, cause }
    })
}
