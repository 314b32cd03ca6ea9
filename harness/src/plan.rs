//! Where an image and what is wanted of it meet: what the sandbox is told to do.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use belljar_image::{Config, Image};
use belljar_sandbox::{
    Command, DEFAULT_PATH, Identity, Limits, PidOne, PlacedFile, Rootfs, Sandbox, Tree,
};

use crate::case::Case;
use crate::images::Tenancy;
use crate::problem::Problem;
use crate::source::Place;

/// Variables that every case has, so that it prints the same everywhere.
const CASE_ENV: [(&str, &str); 2] = [("LANG", "C.UTF-8"), ("TZ", "UTC")];

/// A run inside an image, where the image alone does not decide.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Program and arguments, whole.
    pub argv: Vec<String>,
    /// Variables that the image may change.
    pub default_env: Vec<(String, String)>,
    /// Variables that the image may not change.
    pub env: Vec<(String, String)>,
    /// Working directory in place of the image's.
    pub workdir: Option<String>,
    /// Files placed before the start.
    pub files: Vec<PlacedFile>,
    /// Who is PID 1.
    pub pid_one: PidOne,
}

/// Why a run could not be planned.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Kind);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error(transparent)]
    Image(#[from] belljar_image::Error),
    #[error(transparent)]
    Sandbox(#[from] belljar_sandbox::Error),
    #[error("{}", .0.message())]
    Input(Problem),
    #[error("the image has no command of its own, and none was given")]
    NoCommand,
}

impl Error {
    /// The line of the case that it is about, if it is about one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match &self.0 {
            Kind::Input(problem) => problem.place(),
            Kind::Image(_) | Kind::Sandbox(_) | Kind::NoCommand => None,
        }
    }
}

/// A case, ready to be run.
#[derive(Debug)]
pub struct Plan {
    /// What will run.
    pub sandbox: Sandbox,
    /// What it reads.
    pub stdin: Arc<[u8]>,
}

impl Plan {
    /// Plans a case in its image.
    ///
    /// # Errors
    /// A file of the case cannot be read, or the sandbox could not be built so.
    pub fn of(case: &Case, tenancy: Tenancy<'_>) -> Result<Self, Error> {
        let wanted = Wanted {
            argv: case.command.argv.clone(),
            default_env: owned_pairs(&CASE_ENV),
            env: case.env.clone().into_iter().collect(),
            workdir: case.workdir.as_ref().map(|workdir| workdir.value.clone()),
            files: placed_files(case)?,
            pid_one: PidOne::Init,
        };
        let sandbox = sandbox(tenancy, wanted, Some(case.timeout.value))?;
        Ok(Self { sandbox, stdin: case.stdin.read().map_err(Kind::Input)? })
    }
}

/// Who runs: `user`, or else whom the image names, or else root.
///
/// # Errors
/// The image lacks the user.
pub fn identity(image: &Image, user: Option<&str>) -> Result<belljar_image::Identity, Error> {
    let user = user.or(image.config.user.as_deref()).filter(|user| !user.is_empty());
    Ok(image.rootfs.identity(user.unwrap_or("0")).map_err(Kind::Image)?)
}

/// Puts a run together: the image's defaults below, what is wanted above.
///
/// # Errors
/// The sandbox could not be built so.
pub fn sandbox(
    tenancy: Tenancy<'_>,
    wanted: Wanted,
    time_limit: Option<Duration>,
) -> Result<Sandbox, Error> {
    let Tenancy { image, identity } = tenancy;
    let workdir = wanted.workdir.as_deref().or(image.config.workdir.as_deref());
    let command = Command {
        argv: wanted.argv.into_iter().map(OsString::from).collect(),
        env: environment(&image.config, identity.home.as_deref(), wanted.default_env, wanted.env),
        workdir: PathBuf::from(workdir.filter(|workdir| !workdir.is_empty()).unwrap_or("/")),
        identity: Identity {
            uid: identity.uid,
            gid: identity.gid,
            groups: identity.groups.clone(),
        },
        files: wanted.files,
        pid_one: wanted.pid_one,
    };
    let limits = Limits { wall: time_limit, ..Limits::default() };
    Ok(Sandbox::new(&rootfs(image), &command, &limits).map_err(Kind::Sandbox)?)
}

/// What `docker run IMAGE ARGUMENTS…` runs: the entrypoint, then the arguments or else the image's
/// command (OCI image specification, config.md, "Entrypoint" and "Cmd").
///
/// # Errors
/// When all of them are empty.
pub fn entrypoint_and(config: &Config, arguments: Vec<String>) -> Result<Vec<String>, Error> {
    let mut argv = config.entrypoint.clone();
    argv.extend(if arguments.is_empty() { config.command.clone() } else { arguments });
    if argv.is_empty() { Err(Kind::NoCommand.into()) } else { Ok(argv) }
}

/// From the outside in: what docker sets, then the defaults, the image's and the wanted variables.
/// A later one of the same name wins. An entry of the image's without `=` is dropped.
fn environment(
    config: &Config,
    home: Option<&str>,
    defaults: Vec<(String, String)>,
    wanted: Vec<(String, String)>,
) -> Vec<(OsString, OsString)> {
    let home = home.unwrap_or("/");
    let mut env: BTreeMap<OsString, OsString> = BTreeMap::from([
        ("PATH".into(), DEFAULT_PATH.into()),
        ("HOSTNAME".into(), "belljar".into()),
        ("HOME".into(), home.into()),
    ]);
    let of_image = config.env.iter().filter_map(|entry| entry.split_once('='));
    let of_image = of_image.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all = defaults.into_iter().chain(of_image).chain(wanted);
    env.extend(all.map(|(name, value)| (name.into(), value.into())));
    env.into_iter().collect()
}

fn rootfs(image: &Image) -> Rootfs {
    let trees = image.rootfs.trees.iter();
    let trees = trees.map(|tree| Tree { at: tree.at.clone(), layers: tree.layers.clone() });
    Rootfs { trees: trees.collect() }
}

fn placed_files(case: &Case) -> Result<Vec<PlacedFile>, Error> {
    let place = |file: &crate::case::InputFile| {
        let content = file.content.read().map_err(Kind::Input)?;
        Ok(PlacedFile { path: PathBuf::from(&file.path), content, mode: file.mode })
    };
    case.files.iter().map(place).collect()
}

fn owned_pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(env: &[&str], entrypoint: &[&str], command: &[&str]) -> Config {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Config {
            env: owned(env),
            entrypoint: owned(entrypoint),
            command: owned(command),
            workdir: None,
            user: None,
        }
    }

    #[test]
    fn arguments_replace_the_command_and_follow_the_entrypoint() {
        let argv = |entrypoint: &[&str], command: &[&str], arguments: &[&str]| {
            let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
            entrypoint_and(&config(&[], entrypoint, command), arguments)
                .map(|argv| argv.join(" "))
                .map_err(|error| error.to_string())
        };
        assert_eq!(argv(&["e"], &["c"], &[]).as_deref(), Ok("e c"));
        assert_eq!(argv(&["e"], &["c"], &["a", "b"]).as_deref(), Ok("e a b"));
        assert_eq!(argv(&[], &["c"], &[]).as_deref(), Ok("c"));
        let error = "the image has no command of its own, and none was given";
        assert_eq!(argv(&[], &[], &[]), Err(error.to_owned()));
    }

    #[test]
    fn the_nearer_variable_wins() {
        let defaults = owned_pairs(&[("TZ", "UTC"), ("LANG", "C")]);
        let wanted = owned_pairs(&[("A", "case")]);
        let image = config(&["A=image", "LANG=de", "dropped", "EMPTY="], &[], &[]);
        let env = environment(&image, Some("/root"), defaults, wanted);
        let shown: Vec<_> = env
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        let path = format!("PATH={DEFAULT_PATH}");
        let expected =
            ["A=case", "EMPTY=", "HOME=/root", "HOSTNAME=belljar", "LANG=de", &path, "TZ=UTC"];
        assert_eq!(shown, expected);
    }
}
