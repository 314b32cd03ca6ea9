//! Extended headers: PAX records and GNU long names, which speak about the entry behind them.

use super::{TapeProblem, shown};

/// What the extended headers in front of an entry say about it.
#[derive(Debug, Default)]
pub(crate) struct Extension {
    pax_name: Option<Vec<u8>>,
    pax_link: Option<Vec<u8>>,
    gnu_name: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) mtime: Option<(i64, u32)>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) sparse: SparseRecords,
}

/// The `GNU.sparse.*` records, of the formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub(crate) struct SparseRecords {
    pub(crate) is_version_one: bool,
    pub(crate) size: Option<u64>,
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) numbers: Vec<u64>,
}

impl Extension {
    /// Takes the records of a PAX extended header: `LENGTH KEY=VALUE\n`, each as long as it says.
    pub(crate) fn add_pax(&mut self, mut bytes: &[u8]) -> Result<(), TapeProblem> {
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ');
            let space = space.ok_or(TapeProblem::Extension)?;
            let length = decimal(&bytes[..space])?;
            let length = usize::try_from(length).map_err(|_| TapeProblem::Extension)?;
            if length <= space || length > bytes.len() {
                return Err(TapeProblem::Extension);
            }
            let (record, rest) = bytes.split_at(length);
            let record = record[space + 1..].strip_suffix(b"\n").ok_or(TapeProblem::Extension)?;
            let equals = record.iter().position(|byte| *byte == b'=');
            let (key, value) = record.split_at(equals.ok_or(TapeProblem::Extension)?);
            self.add_record(key, &value[1..])?;
            bytes = rest;
        }
        Ok(())
    }

    pub(crate) fn set_long_name(&mut self, bytes: Vec<u8>) {
        self.gnu_name = Some(until_nul(bytes));
    }

    pub(crate) fn set_long_link(&mut self, bytes: Vec<u8>) {
        self.gnu_link = Some(until_nul(bytes));
    }

    /// The name of the entry, where its own header says `short`.
    pub(crate) fn name(&self, short: Vec<u8>) -> Result<Vec<u8>, TapeProblem> {
        let name = agreed(&self.pax_name, &self.gnu_name, short, "name")?;
        // The name in the header of a sparse file is made up; here is the real one.
        Ok(self.sparse.name.clone().unwrap_or(name))
    }

    /// The target of the link, where the header of the entry says `short`.
    pub(crate) fn link(&self, short: Vec<u8>) -> Result<Vec<u8>, TapeProblem> {
        agreed(&self.pax_link, &self.gnu_link, short, "link target")
    }

    fn add_record(&mut self, key: &[u8], value: &[u8]) -> Result<(), TapeProblem> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.push((name.to_vec(), value.to_vec()));
            return Ok(());
        }
        // An empty value takes an earlier one back.
        let bytes = (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.pax_name = bytes,
            b"linkpath" => self.pax_link = bytes,
            b"size" => self.size = optional(value)?,
            b"uid" => self.uid = optional(value)?,
            b"gid" => self.gid = optional(value)?,
            b"mtime" => self.mtime = bytes.map(|value| time(&value)).transpose()?,
            b"GNU.sparse.major" => self.sparse.is_version_one = value == b"1",
            b"GNU.sparse.name" => self.sparse.name = bytes,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = optional(value)?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse.numbers.push(decimal(value)?);
            }
            b"GNU.sparse.map" => {
                let numbers = value.split(|byte| *byte == b',').map(decimal);
                self.sparse.numbers = numbers.collect::<Result<_, _>>()?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn agreed(
    pax: &Option<Vec<u8>>,
    gnu: &Option<Vec<u8>>,
    short: Vec<u8>,
    what: &'static str,
) -> Result<Vec<u8>, TapeProblem> {
    match (pax, gnu) {
        (Some(pax), Some(gnu)) if pax != gnu => Err(TapeProblem::Disagreement(shown(pax), what)),
        (Some(name), _) | (None, Some(name)) => Ok(name.clone()),
        (None, None) => Ok(short),
    }
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn optional(value: &[u8]) -> Result<Option<u64>, TapeProblem> {
    if value.is_empty() { Ok(None) } else { decimal(value).map(Some) }
}

/// Decimal digits and nothing else: no sign, no blanks.
pub(crate) fn decimal(digits: &[u8]) -> Result<u64, TapeProblem> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(TapeProblem::Extension);
    }
    let text = std::str::from_utf8(digits).map_err(|_| TapeProblem::Extension)?;
    text.parse().map_err(|_| TapeProblem::Extension)
}

/// Seconds, perhaps negative, perhaps with a fraction: `-1.5` is half a second after -2.
fn time(value: &[u8]) -> Result<(i64, u32), TapeProblem> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let dot = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let seconds = i64::try_from(decimal(&digits[..dot])?).map_err(|_| TapeProblem::Extension)?;
    let mut nanoseconds = 0;
    for place in 0..9 {
        let digit = digits.get(dot + 1 + place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return Err(TapeProblem::Extension);
        }
        nanoseconds = nanoseconds * 10 + u32::from(digit - b'0');
    }
    Ok(match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_hold_any_byte() {
        let mut extension = Extension::default();
        extension.add_pax(b"30 SCHILY.xattr.user.x=a\n\0=b\xff\n12 path=a/b\n").unwrap();
        assert_eq!(extension.xattrs, [(b"user.x".to_vec(), b"a\n\0=b\xff".to_vec())]);
        assert_eq!(extension.name(b"short".to_vec()).unwrap(), b"a/b");
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in ["x", "5 a=b", "99 a=b\n", "0 a=b\n", "+6 a=b\n", "5 ab\n", "9 size=x\n"] {
            assert!(Extension::default().add_pax(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn times_have_fractions_and_signs() {
        assert_eq!(time(b"12").unwrap(), (12, 0));
        assert_eq!(time(b"12.5").unwrap(), (12, 500_000_000));
        assert_eq!(time(b"-1.25").unwrap(), (-2, 750_000_000));
        assert_eq!(time(b"1.0000000019").unwrap(), (1, 1));
        assert!(time(b"soon").is_err());
    }

    #[test]
    fn two_names_for_one_entry_are_refused() {
        let mut extension = Extension::default();
        extension.add_pax(b"10 path=a\n").unwrap();
        extension.set_long_name(b"b\0".to_vec());
        assert!(extension.name(Vec::new()).is_err());
    }
}
