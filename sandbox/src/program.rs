//! The encoded list of steps: how it is written by the parent and read, without an allocation, by
//! the child.

use serde::{Deserialize, Serialize};

use crate::command::PidOne;
use crate::step::Step;

/// What stands before the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// How many steps PID 1 performs.
    pub(crate) setup: u32,
    /// How many steps the payload's process performs after that; the last one executes it.
    pub(crate) payload: u32,
    /// How many arguments and variables the payload has.
    pub(crate) strings: u32,
    /// Who is PID 1.
    pub(crate) pid_one: PidOne,
}

/// Encodes a list.
pub(crate) fn encode(
    pid_one: PidOne,
    strings: u32,
    setup: &StepList,
    payload: &StepList,
) -> Result<Vec<u8>, postcard::Error> {
    let header = Header { setup: setup.count, payload: payload.count, strings, pid_one };
    let mut bytes = postcard::to_stdvec(&header)?;
    bytes.extend_from_slice(&setup.bytes);
    bytes.extend_from_slice(&payload.bytes);
    Ok(bytes)
}

/// Encoded steps, as they grow.
#[derive(Debug, Default)]
pub(crate) struct StepList {
    count: u32,
    bytes: Vec<u8>,
}

impl StepList {
    pub(crate) fn push(&mut self, step: &Step<'_>) -> Result<(), postcard::Error> {
        self.bytes = postcard::to_extend(step, std::mem::take(&mut self.bytes))?;
        self.count += 1;
        Ok(())
    }
}

/// Reads an encoded list from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the header and stands before the first step.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<(Header, Self)> {
        let (header, rest) = postcard::take_from_bytes(bytes).ok()?;
        Some((header, Self { rest }))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let (step, rest) = postcard::take_from_bytes(self.rest).ok()?;
        self.rest = rest;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    #[test]
    fn a_list_is_read_back_in_order() {
        let (mut setup, mut payload) = (StepList::default(), StepList::default());
        setup.push(&Step::MakeDirectory { path: Text(c"a/b"), mode: 0o755 }).unwrap();
        setup.push(&Step::EnterRoot).unwrap();
        payload.push(&Step::ResetSignals).unwrap();
        let bytes = encode(PidOne::Payload, 7, &setup, &payload).unwrap();
        let (header, steps) = Reader::new(&bytes).unwrap();
        assert_eq!(header, Header { setup: 2, payload: 1, strings: 7, pid_one: PidOne::Payload });
        let shown: Vec<_> = steps.map(|step| step.to_string()).collect();
        let expected = [
            "make the directory a/b (mode 755)",
            "make the root file system / (pivot_root)",
            "reset every signal",
        ];
        assert_eq!(shown, expected);
        assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).unwrap().1.count(), 2);
    }
}
