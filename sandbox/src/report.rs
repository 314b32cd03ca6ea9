//! What a child tells the parent, through a pipe or a socket: messages small enough to be atomic.

use std::os::fd::BorrowedFd;

/// What a child says. A report that ends without a message means that the payload was executed and
/// PID 1 was the payload, or that init was killed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The step with this index, counted through the whole list, failed.
    StepFailed { index: u32, errno: i32 },
    /// A process could not be made or waited for.
    NoProcess { errno: i32 },
    /// The nursery is ready.
    Ready,
    /// The sender is a new init.
    Started,
    /// The payload ended with this wait status (wait(2)), and left other processes or none.
    PayloadEnded { status: i32, alone: bool },
}

/// Bytes of a message: its kind, an index and a number.
pub(crate) const MESSAGE_BYTES: usize = 12;

impl Message {
    /// Sends the message. There is nobody left to tell when that fails.
    pub(crate) fn send(self, to: BorrowedFd<'_>) {
        let _ = rustix::io::write(to, &self.to_bytes());
    }

    fn to_bytes(self) -> [u8; MESSAGE_BYTES] {
        let (kind, index, number) = match self {
            Self::StepFailed { index, errno } => (1, index, errno),
            Self::NoProcess { errno } => (2, 0, errno),
            Self::Ready => (3, 0, 0),
            Self::Started => (4, 0, 0),
            Self::PayloadEnded { status, alone } => (5, alone.into(), status),
        };
        let mut bytes = [0; MESSAGE_BYTES];
        bytes[..4].copy_from_slice(&u32::to_ne_bytes(kind));
        bytes[4..8].copy_from_slice(&index.to_ne_bytes());
        bytes[8..].copy_from_slice(&i32::to_ne_bytes(number));
        bytes
    }

    /// Reads a message back.
    pub(crate) fn from_bytes(bytes: [u8; MESSAGE_BYTES]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        let index = u32::from_ne_bytes([e, f, g, h]);
        let number = i32::from_ne_bytes([i, j, k, l]);
        match u32::from_ne_bytes([a, b, c, d]) {
            1 => Some(Self::StepFailed { index, errno: number }),
            2 => Some(Self::NoProcess { errno: number }),
            3 => Some(Self::Ready),
            4 => Some(Self::Started),
            5 => Some(Self::PayloadEnded { status: number, alone: index != 0 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_pipe() {
        for message in [
            Message::StepFailed { index: 17, errno: 22 },
            Message::NoProcess { errno: 11 },
            Message::Ready,
            Message::Started,
            Message::PayloadEnded { status: 0x700, alone: false },
            Message::PayloadEnded { status: 0, alone: true },
        ] {
            assert_eq!(Message::from_bytes(message.to_bytes()), Some(message));
        }
        assert_eq!(Message::from_bytes([0; MESSAGE_BYTES]), None);
    }
}
