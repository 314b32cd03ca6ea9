//! What correct files say.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use belljar_harness::{Content, Printed, Signal, Status};

use crate::folder::{Folder, case, names};

#[test]
fn a_short_case_has_strict_defaults() {
    let case = case("image = \"i\"\ncommand = [\"echo\", \"hey\"]\n");
    assert_eq!(case.name.as_str(), "x");
    assert_eq!(case.image.reference.to_string(), "i:latest");
    assert_eq!(case.command.argv, ["echo", "hey"]);
    assert_eq!(case.stdin, Content::Text(String::new()));
    assert_eq!(case.timeout.value, Duration::from_secs(10));
    assert_eq!(case.expect.status.value, Status::ExitCode(0));
    assert_eq!(case.expect.stdout.value, Printed::Exactly(String::new()));
    assert_eq!(case.expect.stderr.value, Printed::Anything);
    assert!(case.env.is_empty() && case.files.is_empty() && case.requires.is_empty());
    assert!(case.workdir.is_none() && case.user.is_none());
}

#[test]
fn every_key_is_taken() {
    let text = r#"
image = "busybox:1.36"
command = "echo $A"
stdin = "in"
env = { A = "1", B = "" }
workdir = "/work"
user = "1000:1000"
timeout = "500ms"
requires = ["git"]

[files]
"/work/in.txt" = "text"
"/work/tool" = { text = "tool", mode = "755" }

[expect]
signal = "SIGSEGV"
stdout = { contains = ["a", "b"] }
stderr = ""
"#;
    let case = case(text);
    assert_eq!(case.command.argv, ["/bin/sh", "-c", "echo $A"]);
    assert!(case.command.shell);
    assert_eq!(&*case.stdin.read().unwrap(), b"in");
    assert_eq!(case.env.keys().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(case.workdir.unwrap().value, "/work");
    assert_eq!(case.user.unwrap().value, "1000:1000");
    assert_eq!(case.timeout.value, Duration::from_millis(500));
    assert_eq!(case.timeout.place.location().line, 8);
    assert_eq!(case.requires, ["git"]);
    let files: Vec<_> = case.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(files, [("/work/in.txt", 0o644), ("/work/tool", 0o755)]);
    let signal = Signal::from_name("SIGSEGV").unwrap();
    assert_eq!(case.expect.status.value, Status::Signal(signal));
    let texts = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(case.expect.stdout.value, Printed::Containing(texts));
    assert_eq!(case.expect.stderr.value, Printed::Exactly(String::new()));
    assert_eq!(case.expect.stderr.place.location().line, 18);
}

#[test]
fn a_left_out_expectation_is_stated_by_its_table_or_its_case() {
    let with_table = case("image = \"i\"\ncommand = [\"c\"]\n\n[expect]\nstderr = \"\"\n");
    let location = with_table.expect.stdout.place.location();
    assert_eq!((location.line, location.column), (4, 1));
    let without = case("# Says nothing.\nimage = \"i\"\ncommand = [\"c\"]\n");
    assert_eq!(without.expect.stdout.place.location().line, 1);
}

#[test]
fn files_of_the_suite_are_read_from_the_folder_of_their_case() {
    let folder = Folder::with(&[
        ("belljar.toml", "image = \"oci:../x:tag\"\n"),
        ("data/in.txt", "in"),
        ("a/tool", "tool"),
        (
            "a/x.toml",
            "command = [\"c\"]\nstdin = { file = \"../data/in.txt\" }\n[files]\n\
             \"/tool\" = { from = \"tool\" }\n\"/notes\" = { from = \"tool\", mode = \"600\" }\n",
        ),
    ]);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path("a/tool"), executable).unwrap();
    let suite = folder.load().unwrap();
    let case = &suite.cases[0];
    assert_eq!(&*case.stdin.read().unwrap(), b"in");
    let modes: Vec<_> = case.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(modes, [("/notes", 0o600), ("/tool", 0o755)]);

    std::fs::remove_file(folder.path("data/in.txt")).unwrap();
    let told = case.stdin.read().unwrap_err().to_string();
    assert!(told.contains("x.toml:2:18") && told.contains("failed to read"), "{told}");
}

#[test]
fn paths_of_images_start_at_the_file_that_names_them() {
    let folder = Folder::with(&[
        ("belljar.toml", "image = \"oci:images/x:1\"\n"),
        ("a/x.toml", "command = [\"c\"]\n"),
        ("a/y.toml", "command = [\"c\"]\nimage = \"rootfs:../y\"\n"),
    ]);
    let root = folder.root().canonicalize().unwrap();
    let suite = folder.load().unwrap();
    let images: Vec<_> = suite.cases.iter().map(|case| case.image.reference.to_string()).collect();
    let root = root.display();
    assert_eq!(images, [format!("oci:{root}/images/x:1"), format!("rootfs:{root}/a/../y")]);
}

#[test]
fn a_link_out_of_the_suite_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    let text = "image = \"i\"\ncommand = [\"c\"]\nstdin = { file = \"link/secret\" }\n";
    let folder = Folder::with(&[("x.toml", text)]);
    std::os::unix::fs::symlink(outside.path(), folder.path("link")).unwrap();
    let told = folder.mistakes();
    assert!(told.contains("the path `link/secret` leaves the suite"), "{told}");
}

#[test]
fn nearer_settings_win_and_variables_are_merged() {
    let folder = Folder::with(&[
        (
            "belljar.toml",
            "image = \"far\"\nuser = \"far\"\ntimeout = \"1s\"\nenv = { A = \"far\", B = \"far\" }\n",
        ),
        ("a/belljar.toml", "user = \"near\"\nenv = { B = \"near\", C = \"near\" }\n"),
        (
            "a/x.toml",
            "command = [\"c\"]\nenv = { C = \"file\" }\nfiles = { \"/a\" = \"file\", \"/b\" = \"file\" }\n\
             expect = { exit-code = 3, stdout = \"file\" }\n\
             [[case]]\nname = \"one\"\n\
             [[case]]\nname = \"two\"\nimage = \"case\"\nfiles = { \"/b\" = \"case\" }\n\
             env = { C = \"case\" }\nexpect = { signal = \"SIGKILL\" }\n",
        ),
    ]);
    let suite = folder.load().unwrap();
    assert_eq!(names(&suite), ["a::x::one", "a::x::two"]);
    let [one, two] = &suite.cases[..] else { panic!("two cases") };
    let variables = |case: &belljar_harness::Case| {
        case.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(variables(one), ["A=far", "B=near", "C=file"]);
    assert_eq!(variables(two), ["A=far", "B=near", "C=case"]);
    assert_eq!(one.image.reference.to_string(), "far:latest");
    assert_eq!(two.image.reference.to_string(), "case:latest");
    assert_eq!(one.user.as_ref().unwrap().value, "near");
    assert_eq!(one.timeout.value, Duration::from_secs(1));
    assert_eq!(one.expect.status.value, Status::ExitCode(3));
    assert_eq!(two.expect.status.value, Status::Signal(Signal::from_number(9)));
    assert_eq!(two.expect.stdout.value, Printed::Exactly("file".to_owned()));
    let contents: Vec<_> = two.files.iter().map(|file| file.content.clone()).collect();
    assert_eq!(contents, [Content::Text("file".to_owned()), Content::Text("case".to_owned())]);
}
