//! C strings that survive encoding: borrowed from the encoded bytes, with the NUL that system calls
//! want.

use std::ffi::{CStr, CString};
use std::fmt;
use std::ops::Deref;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One C string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a>(pub(crate) &'a CStr);

impl Deref for Text<'_> {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_string_lossy())
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.to_bytes_with_nul())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes that end with their only NUL")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        CStr::from_bytes_with_nul(bytes)
            .map(Text)
            .map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

/// Bytes that are encoded as a whole, not one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Self)
    }
}

/// Several C strings, one behind the other.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Strings<'a>(#[serde(borrow)] Bytes<'a>);

impl<'a> Strings<'a> {
    /// Each string, its NUL included.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a CStr> + Clone {
        self.0
            .0
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|string| CStr::from_bytes_with_nul(string).ok())
    }

    /// Strings as [`concatenated`] made them.
    pub(crate) const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Bytes(bytes))
    }
}

/// The bytes of [`Strings`].
pub(crate) fn concatenated(strings: &[CString]) -> Vec<u8> {
    strings.iter().flat_map(|string: &CString| string.as_bytes_with_nul()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_back() {
        let bytes = postcard::to_stdvec(&Text(c"/some/path")).unwrap();
        let text: Text<'_> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(text.0, c"/some/path");
        for damaged in [&[2u8, b'a', b'b'][..], &[3, b'a', 0, 0], &[0]] {
            assert!(postcard::from_bytes::<Text<'_>>(damaged).is_err());
        }
    }

    #[test]
    fn strings_are_told_apart() {
        let bytes = concatenated(&[c"a".into(), c"".into(), c"b c".into()]);
        let strings: Vec<_> = Strings::from_bytes(&bytes).iter().collect();
        assert_eq!(strings, [c"a", c"", c"b c"]);
        assert_eq!(Strings::from_bytes(b"").iter().count(), 0);
    }
}
