//! What a payload sees of the host: nothing.

use std::ffi::OsString;

use belljar_sandbox::{Command, Identity, Limits, PidOne};

use crate::support::{output, shell, try_run};

#[test]
fn only_our_own_mounts_are_there() {
    let mounts = output("cut -d ' ' -f 5 /proc/self/mountinfo | sort");
    let expected = "/\n/dev\n/dev/full\n/dev/null\n/dev/pts\n/dev/random\n/dev/shm\n/dev/tty\n/dev/urandom\n\
                    /dev/zero\n/proc\n/proc/sys\n/tmp\n/usr\n";
    assert_eq!(mounts, expected);
}

#[test]
fn the_root_has_nothing_above_it() {
    assert_eq!(
        output("cd /; cd ..; cd ../..; pwd -P; ls -id / /.. | cut -d ' ' -f 1 | uniq | wc -l"),
        "/\n1\n"
    );
}

#[test]
fn a_file_of_the_host_is_not_visible() {
    let marker = tempfile::NamedTempFile::new().unwrap();
    let path = marker.path().display();
    assert!(std::path::Path::new(&path.to_string()).exists(), "the control, outside");
    let script = format!("ls {path} /proc/1/root{path} /proc/1/cwd{path} 2>/dev/null; echo $?");
    assert_eq!(output(&script), "2\n");
}

#[test]
fn dev_holds_what_programs_need_and_no_more() {
    let expected =
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n";
    assert_eq!(output("ls /dev"), expected);
    assert_eq!(output("echo lost > /dev/null; head -c 3 /dev/zero | wc -c"), "3\n");
    assert_eq!(
        output("echo one > /dev/stdout; echo two > /dev/stderr; echo three | cat /dev/stdin"),
        "one\nthree\ntwo\n"
    );
    assert!(output("echo > /dev/tty").contains("No such device"));
}

#[test]
fn no_descriptor_is_inherited() {
    let held = std::fs::File::open("/").unwrap();
    nix::fcntl::fcntl(&held, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    // The last one is the descriptor that ls itself reads the directory with.
    assert_eq!(output("ls /proc/self/fd"), "0\n1\n2\n3\n");
    assert_eq!(
        output("for fd in 0 1 2; do readlink /proc/self/fd/$fd; done | cut -d : -f 1 | uniq"),
        "pipe\n"
    );
}

#[test]
fn a_descriptor_is_no_working_directory() {
    for number in 3..40 {
        let command = Command { workdir: format!("/proc/self/fd/{number}").into(), ..shell("pwd") };
        let error = try_run(&command, &Limits::default(), b"").unwrap_err().to_string();
        assert!(error.starts_with("failed to "), "{error}");
    }
}

#[test]
fn no_capability_and_no_way_to_gain_one() {
    for pid_one in [PidOne::Init, PidOne::Payload] {
        let command = Command { pid_one, ..shell("grep -E '^(Cap|NoNewPrivs)' /proc/self/status") };
        let outcome = try_run(&command, &Limits::default(), b"").unwrap();
        let none = "0000000000000000";
        let expected = format!(
            "CapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t1\n"
        );
        assert_eq!(String::from_utf8_lossy(&outcome.stdout.bytes), expected);
    }
}

#[test]
fn root_inside_is_not_root_outside() {
    let map = output("cat /proc/self/uid_map");
    let fields: Vec<_> = map.split_whitespace().collect();
    assert_eq!(fields[0], "0");
    assert_ne!(fields[1], "0", "{map}");
}

#[test]
fn signals_start_as_a_program_expects_them() {
    let status = output("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    assert_eq!(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    assert_eq!(output("sh -c 'kill -PIPE $$; echo survived'; echo $?"), "141\n");
}

#[test]
fn init_is_out_of_reach() {
    assert_eq!(output("tr -d '\\0' < /proc/1/cmdline | wc -c; cat /proc/1/comm"), "0\ninit\n");
    for file in ["environ", "maps", "mem", "fd/", "exe", "cwd", "root/"] {
        let command = format!("ls -L /proc/1/{file} >/dev/null && cat /proc/1/{file}");
        let printed = output(&command);
        assert!(printed.contains("Permission denied"), "{file}: {printed}");
    }
    // The control: the payload's own are readable.
    assert_eq!(
        output("cat /proc/self/environ | tr '\\0' '\\n' | head -1"),
        "PATH=/usr/bin:/usr/sbin\n"
    );
    assert_eq!(output("kill -STOP 1; kill -KILL 1; sleep 0.1; echo alive"), "alive\n");
}

#[test]
fn the_network_is_loopback_and_nothing_else() {
    assert_eq!(output("tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' '"), "lo\n");
    assert_eq!(output("cat /proc/net/fib_trie | grep -c 127.0.0.1 | sed 's/[1-9].*/up/'"), "up\n");
    assert_eq!(output("grep -c localhost /etc/hosts; wc -c < /etc/resolv.conf"), "2\n0\n");
}

#[test]
fn names_and_umask_are_fixed() {
    assert_eq!(output("hostname; umask; pwd"), "belljar\n0022\n/\n");
}

#[test]
fn the_environment_is_what_was_given() {
    // The shell adds PWD.
    assert_eq!(output("env | grep -v ^PWD="), "PATH=/usr/bin:/usr/sbin\n");
}

#[test]
fn a_user_is_who_was_asked_for() {
    let identity = Identity { uid: 1000, gid: 1000, groups: Vec::new() };
    let command = Command {
        identity,
        ..shell("id -u; id -g; touch /tmp/mine; stat -c %u /tmp/mine; echo x > /dev/stdout")
    };
    let outcome = try_run(&command, &Limits::default(), b"").unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout.bytes), "1000\n1000\n1000\nx\n");
}

#[test]
fn no_namespace_can_be_made_within() {
    // The control: outside, as whoever runs this, a user namespace can be made.
    let outside = std::process::Command::new("unshare").args(["-Ur", "true"]).status();
    assert!(outside.unwrap().success());
    let printed = output("unshare -Ur true; unshare -m true; unshare -n true");
    assert_eq!(printed.matches("unshare failed").count(), 3, "{printed}");
    assert!(printed.contains("No space left on device"), "the limit refuses it: {printed}");
}

#[test]
fn a_socket_that_is_left_is_not_in_the_next_run() {
    let sockets = "head -1 /proc/net/sockstat; wc -l < /proc/net/unix";
    let command = Command {
        argv: ["/usr/bin/python3", "-c", SOCKETS_IN_A_CYCLE].map(OsString::from).to_vec(),
        ..shell("")
    };
    for _ in 0..5 {
        let outcome = try_run(&command, &Limits::default(), b"").unwrap();
        assert_eq!(outcome.stdout.bytes, b"left\n", "{outcome:?}");
        assert_eq!(output(sockets), "sockets: used 0\n1\n");
    }
}

/// Sockets that only the kernel's collector of cycles frees, some time after their process.
const SOCKETS_IN_A_CYCLE: &str = "
import socket, array
server = socket.socket(socket.AF_UNIX); server.bind('\\0name'); server.listen()
a, b = socket.socketpair(socket.AF_UNIX)
rights = array.array('i', [a.fileno(), b.fileno(), server.fileno()])
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
print('left')
";

#[test]
fn a_later_run_finds_nothing_of_an_earlier_one() {
    // The runs of one thread share a nursery.
    let leave = "touch /tmp/left /dev/shm/left /left 2>/dev/null; touch /dev/left 2>&1; \
                 echo 1 2>&1 > /proc/sys/net/ipv4/ip_forward; \
                 echo other > /proc/sys/kernel/hostname; hostname other; \
                 mkfifo /tmp/fifo; sleep 1000 & chmod 0 /dev/pts/ptmx; ipcmk -Q";
    let first = output(leave);
    for refused in ["/dev/left", "ip_forward", "kernel/hostname"] {
        assert!(first.contains(refused), "{refused} was not refused: {first}");
    }
    assert!(first.contains("Message queue id"), "the control: {first}");
    let look = "ls /tmp /dev/shm; ls / /dev | grep -c left; hostname; cat /proc/sys/net/ipv4/ip_forward; \
                stat -c %a /dev/pts/ptmx; ipcs -q | grep -c '^0x'; set -- /proc/[0-9]*; echo $#";
    assert_eq!(output(look), "/dev/shm:\n\n/tmp:\n0\nbelljar\n0\n666\n0\n2\n");
}

#[test]
fn loopback_that_was_used_is_not_used_again() {
    let received = r"sed -n 's/^ *lo: *\([0-9]*\) .*/\1/p' /proc/net/dev";
    let talk = format!("exec 3<>/dev/udp/127.0.0.1/9; echo x >&3; {received}");
    let command =
        Command { argv: ["/bin/bash", "-c", &talk].map(OsString::from).to_vec(), ..shell("") };
    for _ in 0..3 {
        assert_eq!(output(received), "0\n", "a run found another's packets");
        let outcome = try_run(&command, &Limits::default(), b"").unwrap();
        let bytes = String::from_utf8_lossy(&outcome.stdout.bytes).trim().parse::<u64>();
        assert!(bytes.is_ok_and(|bytes| bytes > 0), "the control: {outcome:?}");
    }
}
