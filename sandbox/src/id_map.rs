//! Which user and group ids of the host stand behind those inside, and how the layers' owners are
//! seen through the same map (user_namespaces(7), mount_setattr(2)).

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::unistd::{Pid, getegid, geteuid};
use rustix::fs::CWD;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::command::Identity;
use crate::error::{Kind, Result};
use crate::sys;

/// How ids are mapped here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdMap {
    /// An ordinary user has one id to give: the payload's id inside is this user's outside.
    Single,
    /// Root gives the ids 0 to 65535 a range of their own, far from every account of the host, so
    /// that root inside is nobody outside.
    Range,
}

/// How many ids a sandbox of root's has.
pub(crate) const RANGE_IDS: u32 = 65536;

/// The host's id behind id 0 of a range: above the ranges that systemd and shadow hand out
/// (systemd's UIDS-GIDS), below the 31-bit border.
const RANGE_BASE: u32 = 0x7000_0000;

impl IdMap {
    /// The map that this process can have: a range needs root's rights in the initial user
    /// namespace, which alone maps every id.
    pub(crate) fn of_this_process() -> Self {
        static CHOICE: OnceLock<IdMap> = OnceLock::new();
        *CHOICE.get_or_init(|| {
            let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
            let initial = map.split_whitespace().eq(["0", "0", "4294967295"]);
            if geteuid().is_root() && initial { Self::Range } else { Self::Single }
        })
    }

    /// Refuses an identity that the map has no room for.
    pub(crate) fn check(self, identity: &Identity) -> Result<()> {
        let Identity { uid, gid, ref groups } = *identity;
        let too_large = |id: &u32| *id >= RANGE_IDS;
        if self == Self::Range
            && (too_large(&uid) || too_large(&gid) || groups.iter().any(too_large))
        {
            return Err(Kind::IdTooLarge { uid, gid }.into());
        }
        Ok(())
    }

    /// The host's user and group ids behind `identity`, where they differ from this process's.
    pub(crate) fn outside(self, identity: &Identity) -> Option<(u32, u32)> {
        match self {
            Self::Single => None,
            Self::Range => Some((RANGE_BASE + identity.uid, RANGE_BASE + identity.gid)),
        }
    }

    /// Inside ids that the map depends on: runs with the same can share a user namespace.
    pub(crate) fn mapped(self, identity: &Identity) -> (u32, u32) {
        match self {
            Self::Single => (identity.uid, identity.gid),
            Self::Range => (0, 0),
        }
    }

    /// Writes the maps of a new user namespace that `pid` is in.
    pub(crate) fn write(self, pid: Pid, identity: &Identity) -> Result<()> {
        let write = |name: &str, text: String| {
            let path = format!("/proc/{pid}/{name}");
            fs::write(&path, text).map_err(|error| {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
                Kind::namespaces(format!("write {name} of the new user namespace"))(errno)
            })
        };
        match self {
            Self::Single => {
                // Without this a gid map is refused: user_namespaces(7).
                write("setgroups", "deny".into())?;
                write("uid_map", format!("{} {} 1", identity.uid, geteuid()))?;
                write("gid_map", format!("{} {} 1", identity.gid, getegid()))
            }
            Self::Range => {
                let range = format!("0 {RANGE_BASE} {RANGE_IDS}");
                write("uid_map", range.clone())?;
                write("gid_map", range)
            }
        }
    }
}

/// Makes a detached mount of each directory through which its owners are seen as `user_namespace`
/// maps them.
pub(crate) fn map_layers(
    layers: &[PathBuf],
    user_namespace: BorrowedFd<'_>,
) -> Result<Vec<OwnedFd>> {
    layers.iter().map(|layer| map_layer(layer, user_namespace)).collect()
}

fn map_layer(layer: &Path, user_namespace: BorrowedFd<'_>) -> Result<OwnedFd> {
    let failed = |errno: i32| {
        let what = format!("map the ids of the layer {}", layer.display());
        Kind::namespaces(what)(Errno::from_raw(errno))
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mount = open_tree(CWD, layer, flags).map_err(|errno| failed(errno.raw_os_error()))?;
    sys::mount_setattr(mount.as_fd(), libc::MOUNT_ATTR_IDMAP, Some(user_namespace))
        .map_err(|errno| failed(errno as i32))?;
    Ok(mount)
}
