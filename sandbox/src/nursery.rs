//! The parent's side of the nursery: a small process that sandboxes are born from.
//!
//! Making a user and a network namespace costs more than all the rest of a sandbox, and a copy of a
//! process with several threads costs more the larger it is. So each thread keeps one nursery,
//! which holds both namespaces and little memory, for run after run. A payload has no capability
//! in the user namespace, no key, and cannot write a setting of the network. What it can leave
//! behind in the network namespace is a socket that the kernel has not freed yet, a packet's traces
//! and a flow label: the namespaces are used again only where there is none of them.

use std::cell::RefCell;
use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recvmsg, send, socketpair, sockopt,
};
use rustix::process::Pid;

use crate::command::Identity;
use crate::descriptors::{ChildEnds, clear_of_standard_streams};
use crate::error::{Error, Kind, Result};
use crate::id_map::{self, IdMap};
use crate::process::Process;
use crate::report::{MESSAGE_BYTES, Message};
use crate::{child, request, template};

/// The namespaces of the nursery, which its sandboxes share, one after the other. Of the mount
/// namespace each gets a copy: what is alike for all is mounted once.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// How long the nursery may take to answer: many times what a loaded machine needs.
const ANSWER_MAX: Duration = Duration::from_secs(30);

thread_local! {
    static SPARE: RefCell<Option<Nursery>> = const { RefCell::new(None) };
}

/// A nursery that waits for requests.
#[derive(Debug)]
pub(crate) struct Nursery {
    _process: Process,
    /// The init of the run before, which may still be taking its sandbox down.
    last: Option<Process>,
    socket: OwnedFd,
    user_namespace: OwnedFd,
    /// The tables of its network namespace that tell whether it is clean.
    network: [Option<File>; 3],
    /// The ids that the map was written for.
    mapped: (u32, u32),
}

impl Nursery {
    /// This thread's nursery if it fits and is clean, a new one otherwise.
    pub(crate) fn take(id_map: IdMap, identity: &Identity) -> Result<Self> {
        let mapped = id_map.mapped(identity);
        match SPARE.take() {
            Some(spare) if spare.mapped == mapped && spare.is_clean() => Ok(spare),
            _ => Self::start(id_map, identity),
        }
    }

    /// Keeps the nursery for this thread's next run, and the init of the run before until then:
    /// taking a sandbox down takes the kernel a while, in which the next one can be made.
    pub(crate) fn put_back(mut self, last: Process) {
        self.last = Some(last);
        SPARE.set(Some(self));
    }

    fn start(id_map: IdMap, identity: &Identity) -> Result<Self> {
        raise_descriptor_limit();
        let (ours, theirs) = socket_pair()?;
        let steps = template::steps(id_map)?;
        let process = Process::start(NAMESPACES, || child::nurse(theirs.as_fd(), &steps))?;
        drop(theirs);
        id_map.write(process.pid(), identity)?;
        let path = format!("/proc/{}/ns/user", process.pid());
        let user_namespace = File::open(&path).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            Kind::system(format!("open {path}"))(errno)
        })?;
        send(&ours, b"g", SendFlags::NOSIGNAL).map_err(talk_failed)?;
        let mapped = id_map.mapped(identity);
        let user_namespace = user_namespace.into();
        let network = network_tables(process.pid());
        let nursery =
            Self { _process: process, last: None, socket: ours, user_namespace, network, mapped };
        match nursery.answer()?.0 {
            Message::Ready => Ok(nursery),
            Message::StepFailed { index, errno } => {
                let step = steps.get(index as usize).map(ToString::to_string).unwrap_or_default();
                Err(Kind::Step { step, errno: Errno::from_raw(errno) }.into())
            }
            _ => Err(Kind::NurseryEnded.into()),
        }
    }

    /// Makes a detached mount of each layer, its owners seen as the sandbox's map has them.
    pub(crate) fn map_layers(&self, layers: &[PathBuf]) -> Result<Vec<OwnedFd>> {
        id_map::map_layers(layers, self.user_namespace.as_fd())
    }

    /// Starts the init of a sandbox, as a child of this process.
    pub(crate) fn start_init(
        &mut self,
        program: BorrowedFd<'_>,
        program_bytes: usize,
        ends: &ChildEnds,
        layers: &[OwnedFd],
    ) -> Result<Process> {
        let ChildEnds { stdin, stdout, stderr, report } = ends;
        let fixed = [program, stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), report.as_fd()];
        request::send(self.socket.as_fd(), program_bytes, fixed, layers).map_err(talk_failed)?;
        let answer = self.answer()?;
        self.last = None;
        match answer {
            (Message::Started, Some(sender)) => Process::adopt(sender),
            (Message::NoProcess { errno }, _) => {
                Err(Kind::namespaces("make the namespaces of a sandbox")(Errno::from_raw(errno)))
            }
            _ => Err(Kind::NurseryEnded.into()),
        }
    }

    /// The next message, and which process sent it: as this process numbers it, which a process in
    /// a PID namespace of its own does not know.
    fn answer(&self) -> Result<(Message, Option<Pid>)> {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let mut data = [IoSliceMut::new(&mut bytes)];
            recvmsg(&self.socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        if received.map_err(talk_failed)?.bytes != MESSAGE_BYTES {
            return Err(Kind::NurseryEnded.into());
        }
        let sender = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid),
            _ => None,
        });
        Ok((Message::from_bytes(bytes).ok_or(Kind::NurseryEnded)?, sender))
    }

    /// Whether the network namespace is as new: no socket is left, the one interface has carried
    /// nothing, and no IPv6 flow label is taken.
    fn is_clean(&self) -> bool {
        let [sockets, interfaces, flow_labels] = &self.network;
        read(sockets).is_some_and(|table| table.starts_with("sockets: used 0\n"))
            && read(interfaces).is_some_and(|table| is_unused(&table))
            && read(flow_labels).is_some_and(|table| table.lines().count() <= 1)
    }
}

/// Opens the tables of the network namespace of a process (proc_pid_net(5)). They stay open: each
/// run looks at them.
fn network_tables(pid: nix::unistd::Pid) -> [Option<File>; 3] {
    ["sockstat", "dev", "ip6_flowlabel"]
        .map(|table| File::open(format!("/proc/{pid}/net/{table}")).ok())
}

/// Reads a table as it is now; more than fits is more than a clean one has. One that the kernel does
/// not have, such as that of IPv6, is empty.
fn read(table: &Option<File>) -> Option<String> {
    let Some(table) = table else { return Some(String::new()) };
    let mut bytes = [0; 2048];
    let count = table.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..count)?).into_owned())
}

/// Reads /proc/net/dev (proc_pid_net(5)): two lines of headings, then an interface on each.
fn is_unused(table: &str) -> bool {
    let mut interfaces = table.lines().skip(2);
    let counters = interfaces.next().and_then(|line| line.trim_start().strip_prefix("lo:"));
    let unused = |counters: &str| counters.split_whitespace().all(|counter| counter == "0");
    counters.is_some_and(unused) && interfaces.next().is_none()
}

/// Descriptors that payloads of the same user have on their way to each other count against this
/// process's own limit when it sends some (unix(7), ETOOMANYREFS); each payload may have 1024.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where that is refused, the old limit does for all but such payloads.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// A pair of connected sockets that keep messages apart. Ours gives up on an answer in the end.
fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(talk_failed)?;
    sockopt::set_socket_timeout(&ours, sockopt::Timeout::Recv, Some(ANSWER_MAX))
        .map_err(talk_failed)?;
    sockopt::set_socket_passcred(&ours, true).map_err(talk_failed)?;
    Ok((clear_of_standard_streams(ours)?, clear_of_standard_streams(theirs)?))
}

fn talk_failed(errno: rustix::io::Errno) -> Error {
    let errno = Errno::from_raw(errno.raw_os_error());
    Kind::system("talk to the process that starts sandboxes")(errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_makes_the_difference() {
        let heading = "Inter-|   Receive  |  Transmit\n face |bytes  packets |bytes  packets\n";
        let table = |lines: &str| format!("{heading}{lines}");
        assert!(is_unused(&table("    lo:       0       0    0    0\n")));
        assert!(!is_unused(&table("    lo:      84       1    0    0\n")));
        assert!(!is_unused(&table("    lo: 0 0\n  eth0: 0 0\n")));
        assert!(!is_unused(&table("")));
        assert!(!is_unused(""));
    }
}
