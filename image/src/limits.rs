//! How much an image may cost us. Nothing that an image says is read without a bound.

/// The limits of one layer. The defaults fit every real image that we know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries in one layer, those that are skipped included.
    pub entries: u64,
    /// Bytes of one layer after decompression.
    pub layer_bytes: u64,
    /// Bytes of one file; of a sparse file, its apparent size.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1_000_000, layer_bytes: 64 * GIB, file_bytes: 16 * GIB }
    }
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The most that a manifest or an index may hold; registries keep to the same number.
pub(crate) const MANIFEST_BYTES: u64 = 4 * MIB;
/// The most that an image configuration may hold.
pub(crate) const CONFIG_BYTES: u64 = 8 * MIB;
/// The most that `index.json` of a layout may hold.
pub(crate) const INDEX_BYTES: u64 = 16 * MIB;
/// The most layers: the overlay file system of Linux takes 500 lower directories.
pub(crate) const LAYERS: usize = 500;
/// How deep an index may lie in another.
pub(crate) const INDEX_DEPTH: usize = 8;
/// How many indexes are opened before we take the image for a maze.
pub(crate) const INDEX_COUNT: usize = 64;

/// The most that one PAX extended header or one GNU long name may hold.
pub(crate) const TAR_EXTENSION_BYTES: u64 = MIB;
/// The most pieces of data in a sparse file.
pub(crate) const SPARSE_PIECES: usize = 65_536;
/// The most members in an archive that holds a whole image.
pub(crate) const ARCHIVE_MEMBERS: u64 = 100_000;
/// The most bytes of names, link targets and extended attributes in one archive or layer; they may
/// all be in memory while it is read.
pub(crate) const NAMES_BYTES: usize = 256 << 20;
/// The most bytes of a link target: Linux's PATH_MAX without its NUL.
pub(crate) const LINK_BYTES: usize = 4095;
/// The most bytes of a compressed archive that holds a whole image, once decompressed.
pub(crate) const ARCHIVE_BYTES: u64 = 256 * GIB;

/// The longest path, as in `PATH_MAX`.
pub(crate) const PATH_BYTES: usize = 4095;
/// The longest name of a file, as in `NAME_MAX`.
pub(crate) const NAME_BYTES: usize = 255;
/// The most directories on the way to a file.
pub(crate) const PATH_DEPTH: usize = 256;
/// The most symlinks on the way to a file, as in the kernel.
pub(crate) const SYMLINKS: usize = 40;

/// The most that /etc/passwd or /etc/group of an image may hold.
pub(crate) const ACCOUNTS_BYTES: u64 = 4 * MIB;
/// The longest line of them that is looked at.
pub(crate) const ACCOUNTS_LINE_BYTES: usize = 64 << 10;
/// The most lines of them.
pub(crate) const ACCOUNTS_LINES: usize = 100_000;

/// The largest window that a zstd frame may ask for: 2^27 bytes, as the zstd command has it.
pub(crate) const ZSTD_WINDOW_LOG: u32 = 27;
/// The most entries and bytes of this machine's /etc that the `host` image takes along.
pub(crate) const HOST_ENTRIES: usize = 20_000;
/// See [`HOST_ENTRIES`].
pub(crate) const HOST_FILE_BYTES: u64 = 16 * MIB;
