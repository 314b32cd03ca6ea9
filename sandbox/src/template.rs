//! What the nursery prepares once for all its sandboxes: the steps of the nursery.

use crate::error::Result;
use crate::id_map::IdMap;
use crate::step::{Prefixes, Step};
use crate::sys::Arguments;
use crate::text::{Bytes, Strings, Text};

/// The host name of every sandbox.
const HOSTNAME: Text<'_> = Text(c"belljar");

/// The host's character devices that a payload finds, with their numbers (Linux's
/// admin-guide/devices.txt).
const DEVICES: [(Text<'_>, Text<'_>, u32, u32); 6] = [
    (Text(c"/dev/null"), Text(c"dev/null"), 1, 3),
    (Text(c"/dev/zero"), Text(c"dev/zero"), 1, 5),
    (Text(c"/dev/full"), Text(c"dev/full"), 1, 7),
    (Text(c"/dev/random"), Text(c"dev/random"), 1, 8),
    (Text(c"/dev/urandom"), Text(c"dev/urandom"), 1, 9),
    (Text(c"/dev/tty"), Text(c"dev/tty"), 5, 0),
];

const DEVICE_LINKS: [(Text<'_>, Text<'_>); 5] = [
    (Text(c"dev/fd"), Text(c"/proc/self/fd")),
    (Text(c"dev/stdin"), Text(c"/proc/self/fd/0")),
    (Text(c"dev/stdout"), Text(c"/proc/self/fd/1")),
    (Text(c"dev/stderr"), Text(c"/proc/self/fd/2")),
    (Text(c"dev/ptmx"), Text(c"pts/ptmx")),
];

/// A layer for every image, as seen from the base.
pub(crate) const FURNITURE: &str = "../furniture";

/// Files of /etc that describe a sandbox's network: names resolve to loopback or, at once, to
/// nothing.
const NETWORK_FILES: [(Text<'_>, &[u8]); 3] = [
    (Text(c"hosts"), b"127.0.0.1\tlocalhost belljar\n::1\tlocalhost\n"),
    (Text(c"hostname"), b"belljar\n"),
    (Text(c"resolv.conf"), b""),
];

/// Where they are written in the nursery's tmpfs.
const FURNITURE_ETC: Prefixes<'_> = Prefixes(Strings::from_bytes(b"furniture\0furniture/etc\0"));

/// Enters the nursery's namespaces and builds, in a tmpfs that becomes its root, `dev` with what every
/// sandbox finds there, the layer that every image gets, and the directory `base`, where each mounts its own.
pub(crate) fn steps(id_map: IdMap) -> Result<Vec<Step<'static>>> {
    let arguments = Arguments::of_this_process()?;
    let mut steps = vec![Step::CloseInherited, Step::SetUmask, Step::AwaitIdMaps];
    if id_map == IdMap::Range {
        steps.push(Step::BecomeRoot);
    }
    steps.extend([
        Step::DieWithParent,
        Step::HideArguments { arguments },
        Step::ResetSignals,
        Step::DropBoundingSet,
        Step::FilterSystemCalls,
        Step::RaiseLoopback,
        // A namespace within would give capabilities, mounts and tmpfs beyond every limit.
        Step::LimitNamespace {
            path: Text(c"/proc/sys/user/max_user_namespaces"),
            value: Text(c"0"),
        },
        // Of the 128 that a user of the host has by default.
        Step::LimitNamespace {
            path: Text(c"/proc/sys/user/max_inotify_instances"),
            value: Text(c"32"),
        },
        Step::SetHostname { name: HOSTNAME },
        Step::KeepMountsIn,
        Step::MountTmpfs { size: Text(c"64k"), inodes: Text(c"64"), at: Text(c"/") },
    ]);
    let directories = [c"base", c"host", c"dev", c"dev/pts", c"dev/shm"];
    steps.extend(directories.map(|path| Step::MakeDirectory { path: Text(path), mode: 0o755 }));
    steps.extend(DEVICES.map(|(source, at, major, minor)| Step::BindDevice {
        source,
        at,
        major,
        minor,
    }));
    steps.extend(NETWORK_FILES.map(|(name, content)| Step::PlaceFile {
        directory: FURNITURE_ETC,
        name,
        content: Bytes(content),
        mode: 0o644,
        owner: None,
    }));
    steps.extend(DEVICE_LINKS.map(|(path, target)| Step::MakeSymlink { path, target }));
    // Root hands the layers over; an ordinary user's are found by their paths.
    steps.push(Step::LeaveHost { keep: id_map == IdMap::Single });
    Ok(steps)
}
