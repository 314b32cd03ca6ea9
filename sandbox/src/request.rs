//! A request to the nursery: one message that carries the descriptors of a run.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The most descriptors that one message carries: the kernel's SCM_MAX_FD (unix(7)).
const DESCRIPTORS_MAX: usize = 253;

/// How many of them are no layers.
const FIXED: usize = 5;

/// The most layers with mapped ids that a sandbox can have.
pub(crate) const LAYERS_MAX: usize = DESCRIPTORS_MAX - FIXED;

/// Room for the descriptors of one message.
const CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// What a child works with. Each descriptor is close-on-exec.
#[derive(Debug)]
pub(crate) struct Request {
    /// The encoded list of steps.
    pub(crate) program: OwnedFd,
    /// How many bytes it has.
    pub(crate) program_bytes: usize,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Where the child says what became of it.
    pub(crate) report: OwnedFd,
    /// Detached mounts of the layers whose ids the parent has mapped.
    layers: [Option<OwnedFd>; LAYERS_MAX],
}

impl Request {
    /// A layer by its number.
    pub(crate) fn layer(&self, index: u32) -> Option<BorrowedFd<'_>> {
        self.layers.get(usize::try_from(index).ok()?)?.as_ref().map(AsFd::as_fd)
    }

    /// Waits for the next request; `None` when the parent wants no more. It allocates nothing.
    pub(crate) fn receive(socket: BorrowedFd<'_>) -> Option<Self> {
        let mut length = [0; size_of::<u64>()];
        let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        loop {
            let mut data = [IoSliceMut::new(&mut length)];
            match recvmsg(socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(message) if message.bytes == size_of::<u64>() => break,
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return None,
            }
        }
        let mut descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let mut descriptors = descriptors.by_ref().flatten();
        let mut request = Self {
            program: descriptors.next()?,
            program_bytes: usize::try_from(u64::from_ne_bytes(length)).ok()?,
            stdin: descriptors.next()?,
            stdout: descriptors.next()?,
            stderr: descriptors.next()?,
            report: descriptors.next()?,
            layers: [const { None }; LAYERS_MAX],
        };
        for (place, layer) in request.layers.iter_mut().zip(descriptors) {
            *place = Some(layer);
        }
        Some(request)
    }
}

/// Sends a request: `fixed` in the order of [`Request`]'s fields, then the layers.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    program_bytes: usize,
    fixed: [BorrowedFd<'_>; FIXED],
    layers: &[OwnedFd],
) -> Result<(), Errno> {
    let mut descriptors = fixed.to_vec();
    descriptors.extend(layers.iter().map(AsFd::as_fd));
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::TOOBIG);
    }
    let length = (program_bytes as u64).to_ne_bytes();
    sendmsg(socket, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL).map(drop)
}
