//! Who runs: from the `user` of an image or of a run to numbers, by the rules of docker.
//!
//! Specification: image-spec, config.md, `User`; passwd(5), group(5). The accounts are those of the
//! image, and so is every byte of them: lines that make no sense are passed over.

use std::path::Path;

use crate::limits;
use crate::rootfs::Rootfs;
use crate::{Error, Result};

/// The numbers behind a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary groups; none where the group was given.
    pub groups: Vec<u32>,
    /// The home folder, if the image has an account for the user.
    pub home: Option<String>,
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl Rootfs {
    /// Finds a user: `name`, `uid`, `name:group`, `uid:gid` and mixtures; nothing means root.
    /// Numbers need no account.
    pub fn identity(&self, user: &str) -> Result<Identity> {
        let (user_part, group_part) = match user.split_once(':') {
            Some((_, "")) => return Err(Error::user(user, "there is no group behind the colon")),
            Some((name, group)) => (name, Some(group)),
            None => (user, None),
        };
        let user_part = if user_part.is_empty() { "0" } else { user_part };
        let number = number(user_part, user)?;
        let passwd = self.read_accounts("etc/passwd")?;
        let is_user =
            |account: &Account<'_>| account.name == user_part || Some(account.uid) == number;
        let account = lines(&passwd).filter_map(Account::read).find(is_user);
        let Some(uid) = account.as_ref().map(|account| account.uid).or(number) else {
            let reason = format!("the image has no account `{user_part}` in /etc/passwd");
            return Err(Error::user(user, reason));
        };
        let home = account.as_ref().map(|account| account.home.to_owned());
        let home = home.filter(|home| !home.is_empty());
        let group = self.read_accounts("etc/group")?;
        if let Some(part) = group_part {
            let gid = find_group(&group, part, user)?;
            return Ok(Identity { uid, gid, groups: Vec::new(), home });
        }
        let Some(account) = account else {
            return Ok(Identity { uid, gid: 0, groups: Vec::new(), home });
        };
        let is_member =
            |group: &Group<'_>| group.members.split(',').any(|member| member == account.name);
        let mut groups: Vec<u32> =
            lines(&group).filter_map(Group::read).filter(is_member).map(|it| it.gid).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(Identity { uid, gid: account.gid, groups, home })
    }

    fn read_accounts(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.read_file(Path::new(path), limits::ACCOUNTS_BYTES)?.unwrap_or_default())
    }
}

fn find_group(groups: &[u8], part: &str, user: &str) -> Result<u32> {
    let number = number(part, user)?;
    let is_group = |group: &Group<'_>| group.name == part || Some(group.gid) == number;
    let found = lines(groups).filter_map(Group::read).find(is_group).map(|group| group.gid);
    found
        .or(number)
        .ok_or_else(|| Error::user(user, format!("the image has no group `{part}` in /etc/group")))
}

/// A number, if it is one; one that no id can have is an error.
fn number(text: &str, user: &str) -> Result<Option<u32>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match id(text) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::user(user, format!("{text} is too large for an id"))),
    }
}

/// The last id means "nobody said" to the kernel.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes
        .split(|byte| *byte == b'\n')
        .take(limits::ACCOUNTS_LINES)
        .filter(|line| line.len() <= limits::ACCOUNTS_LINE_BYTES)
        .filter_map(|line| std::str::from_utf8(line).ok())
}

impl<'a> Account<'a> {
    /// `name:password:uid:gid:comment:home:shell`
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        let home = fields.nth(1).unwrap_or_default();
        Some(Self { name, uid, gid, home })
    }
}

impl<'a> Group<'a> {
    /// `name:password:gid:member,member`
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = id(fields.nth(1)?)?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }
}
