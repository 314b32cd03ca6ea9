//! What the child tells the parent through its pipe: one message, small enough to be atomic.

use std::os::fd::BorrowedFd;

/// What became of the child. A pipe that ends without a message means that the payload was
/// executed and PID 1 was the payload, or that init was killed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The step with this index, counted through the setup's and then the payload's list, failed.
    StepFailed { index: usize, errno: i32 },
    /// The payload's process could not be made or waited for.
    NoPayload { errno: i32 },
    /// The payload's program could not be executed.
    NotExecuted { errno: i32 },
    /// The payload ended with this wait status (wait(2)).
    PayloadEnded { status: i32 },
}

/// Bytes of a message: its kind, an index and a number.
pub(crate) const MESSAGE_BYTES: usize = 12;

impl Message {
    /// Sends the message. There is nobody left to tell when that fails.
    pub(crate) fn send(self, pipe: BorrowedFd<'_>) {
        let _ = rustix::io::write(pipe, &self.to_bytes());
    }

    fn to_bytes(self) -> [u8; MESSAGE_BYTES] {
        let (kind, index, number) = match self {
            Self::StepFailed { index, errno } => (1, u32::try_from(index).unwrap_or(0), errno),
            Self::NoPayload { errno } => (2, 0, errno),
            Self::NotExecuted { errno } => (3, 0, errno),
            Self::PayloadEnded { status } => (4, 0, status),
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
        let index = usize::try_from(u32::from_ne_bytes([e, f, g, h])).ok()?;
        let number = i32::from_ne_bytes([i, j, k, l]);
        match u32::from_ne_bytes([a, b, c, d]) {
            1 => Some(Self::StepFailed { index, errno: number }),
            2 => Some(Self::NoPayload { errno: number }),
            3 => Some(Self::NotExecuted { errno: number }),
            4 => Some(Self::PayloadEnded { status: number }),
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
            Message::NoPayload { errno: 11 },
            Message::NotExecuted { errno: 2 },
            Message::PayloadEnded { status: 0x700 },
        ] {
            assert_eq!(Message::from_bytes(message.to_bytes()), Some(message));
        }
        assert_eq!(Message::from_bytes([0; MESSAGE_BYTES]), None);
    }
}
