//! Without a test harness, to have the process to itself: runs on the main thread, with much memory
//! in use, and no descriptor or child left behind.

use std::fs;
use std::path::PathBuf;

use belljar_sandbox::{
    Command, Ending, Identity, Limits, PidOne, Result, Rootfs, Sandbox, Streams, Tree,
};

fn main() -> Result<()> {
    // What nextest asks: which tests there are, and then which of them are ignored.
    let arguments: Vec<_> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("nothing_is_left: test");
        }
        return Ok(());
    }
    nothing_is_left()
}

fn nothing_is_left() -> Result<()> {
    let rootfs =
        Rootfs { trees: vec![Tree { at: "/".into(), layers: vec![PathBuf::from("/usr")] }] };
    let command = Command {
        argv: vec!["/no/such/program".into()],
        env: Vec::new(),
        workdir: "/".into(),
        identity: Identity::default(),
        files: Vec::new(),
        pid_one: PidOne::Init,
    };
    let sandbox = Sandbox::new(&rootfs, &command, &Limits::default())?;
    // Of a size that lies between other mappings.
    let memory = [vec![1u8; 200_000], vec![1u8; 50_000_000]];
    let mut before = None;
    for run in 0..60 {
        let outcome = sandbox.run(Streams::captured(memory[0].clone()))?;
        assert!(matches!(outcome.ending, Ending::NotStarted(_)), "{outcome:?}");
        let now = (entries("/proc/self/fd"), children());
        assert_eq!(*before.get_or_insert(now), now, "something is left after run {run}");
    }
    assert!(memory.iter().flatten().all(|byte| *byte == 1));
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    Ok(())
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// The children of this thread: the nursery, and the init of the run before.
fn children() -> usize {
    let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    fs::read_to_string(path).map_or(0, |children| children.split_whitespace().count())
}
