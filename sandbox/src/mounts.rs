//! The steps that mount: how the base is filled, and how the root file system comes to be `/`.
//!
//! They run where [`crate::perform`] does, and keep the rule of [`crate::sys`].

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{self, MountFlags, MoveMountFlags, OpenTreeFlags};
use rustix::process;

use crate::perform::Failure;
use crate::request::Request;
use crate::sys;

/// Goes there by descriptor: the nursery's lies over `/`, where there is always a directory, and the
/// host's root stays reachable by path until it is left.
pub(crate) fn mount_tmpfs(size: &CStr, inodes: &CStr, at: &CStr) -> Result<(), Failure> {
    use mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    mount::fsconfig_set_string(context.as_fd(), c"size", size)?;
    mount::fsconfig_set_string(context.as_fd(), c"nr_inodes", inodes)?;
    mount::fsconfig_set_string(context.as_fd(), c"mode", c"0755")?;
    mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let base = mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    mount::move_mount(base.as_fd(), c"", CWD, at, flags)?;
    Ok(process::fchdir(base)?)
}

/// The source is a path of the host, whose root the nursery keeps at /host.
pub(crate) fn bind_layer(source: &CStr, at: &CStr) -> Result<(), Failure> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let host = openat(CWD, c"/host", directory, Mode::empty())?;
    let layer = openat2(&host, source, directory, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = mount::open_tree(layer, c"", flags)?;
    Ok(mount::move_mount(tree, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// The descriptor is closed at once: a working directory of `/proc/self/fd/N` must find nothing.
pub(crate) fn attach_layer(request: &Request, index: u32, at: &CStr) -> Result<(), Failure> {
    let layer = request.layer(index).ok_or(Errno::BADF)?;
    mount::move_mount(layer, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    let number = layer.as_raw_fd().cast_unsigned();
    Ok(sys::close_range(number, number)?)
}

pub(crate) fn mount_at(
    kind: &CStr,
    at: &CStr,
    no_dev: bool,
    options: &CStr,
) -> Result<(), Failure> {
    let place = open_place(at)?;
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let base = openat(CWD, c".", directory, Mode::empty())?;
    let mut flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    flags.set(MountFlags::NODEV, no_dev);
    process::fchdir(&place)?;
    mount::mount(kind, c".", kind, flags, options)?;
    Ok(process::fchdir(&base)?)
}

pub(crate) fn make_read_only(at: &CStr) -> Result<(), Failure> {
    let place = open_place(at)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = mount::open_tree(place.as_fd(), c"", flags)?;
    sys::mount_setattr(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, None)?;
    attach(&tree, &place)
}

/// The device is looked at before it is bound: what lies under the name on the host must be the
/// character device that the payload expects.
pub(crate) fn bind_device(source: &CStr, at: &CStr, major: u32, minor: u32) -> Result<(), Failure> {
    let device = openat(CWD, source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let status = rustix::fs::fstat(&device)?;
    let expected = rustix::fs::makedev(major, minor);
    if rustix::fs::FileType::from_raw_mode(status.st_mode) != rustix::fs::FileType::CharacterDevice
        || status.st_rdev != expected
    {
        return Err(Errno::NXIO.into());
    }
    let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    drop(openat(CWD, at, create, Mode::from_raw_mode(0o666))?);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let bound = mount::open_tree(device.as_fd(), c"", flags)?;
    Ok(mount::move_mount(bound, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

pub(crate) fn place(from: &CStr, at: &CStr, attributes: u64) -> Result<(), Failure> {
    let place = open_place(at)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = mount::open_tree(CWD, from, flags)?;
    if attributes != 0 {
        sys::mount_setattr(tree.as_fd(), attributes, None)?;
    }
    attach(&tree, &place)
}

/// Opens a place in the root file system: made at its top where it is missing, looked up beneath it
/// and through no symbolic link.
fn open_place(at: &CStr) -> Result<OwnedFd, Failure> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, c"root", directory, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&root, at, directory, Mode::empty(), beneath) {
        Err(Errno::NOENT) if !at.to_bytes().contains(&b'/') => {
            mkdirat(&root, at, Mode::from_raw_mode(0o755))?;
            Ok(openat2(&root, at, directory, Mode::empty(), beneath)?)
        }
        other => Ok(other?),
    }
}

/// Attaches a detached mount.
fn attach(tree: &OwnedFd, place: &OwnedFd) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(mount::move_mount(tree, c"", place, c"", flags)?)
}

/// Every sandbox starts from a copy of the nursery's mounts, so the fewer the better. But the kernel
/// lets a user namespace mount a new /proc only while it sees a whole one: that stays.
pub(crate) fn leave_host(keep: bool) -> Result<(), Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let proc = mount::open_tree(CWD, c"/proc", flags)?;
    process::pivot_root(c".", c"host")?;
    process::chdir(c"/")?;
    if keep {
        return Ok(());
    }
    mount::unmount(c"host", mount::UnmountFlags::DETACH)?;
    Ok(mount::move_mount(proc, c"", CWD, c"host", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// pivot_root(2) with both arguments "." stacks the old root, the nursery's, on the new one;
/// unmounting "." takes it away, and with it the last way to the host's files. What is then above
/// `/` must be `/` itself.
pub(crate) fn enter_root() -> Result<(), Failure> {
    process::chdir(c"root")?;
    process::pivot_root(c".", c".")?;
    mount::unmount(c".", mount::UnmountFlags::DETACH)?;
    process::chdir(c"/")?;
    let (root, above) = (rustix::fs::stat(c"/")?, rustix::fs::stat(c"..")?);
    if (root.st_dev, root.st_ino) == (above.st_dev, above.st_ino) {
        Ok(())
    } else {
        Err(Errno::XDEV.into())
    }
}
