//! The keys that a file may state about its cases, before defaults are filled in: the same keys in
//! a `belljar.toml`, at the head of a case file and in a `[[case]]`, nearer ones winning.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::case::{
    Case, CommandLine, Content, Expect, ImageSetting, InputFile, Printed, Stated, Status,
};
use crate::fields::Field;
use crate::name::CaseName;
use crate::problem::{Kind, Problem};
use crate::source::Place;

/// What one level states, or several levels after [`Settings::within`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) image: Field<ImageSetting>,
    pub(crate) command: Field<CommandLine>,
    pub(crate) stdin: Field<Content>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Field<Stated<String>>,
    pub(crate) user: Field<Stated<String>>,
    pub(crate) timeout: Field<Stated<Duration>>,
    pub(crate) requires: Field<Vec<String>>,
    pub(crate) files: BTreeMap<String, InputFile>,
    pub(crate) expect: ExpectSettings,
}

/// What one level states in its `[expect]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpectSettings {
    pub(crate) place: Option<Place>,
    pub(crate) status: Field<Stated<Status>>,
    pub(crate) stdout: Field<Stated<Printed>>,
    pub(crate) stderr: Field<Stated<Printed>>,
}

/// How long a command may take when nobody says so.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Settings {
    /// These settings where they say something, else those of `outer`. Variables and files are
    /// merged one by one.
    pub(crate) fn within(&self, outer: &Self) -> Self {
        let mut env = outer.env.clone();
        env.extend(self.env.clone());
        let mut files = outer.files.clone();
        files.extend(self.files.clone());
        Self {
            image: self.image.or(&outer.image),
            command: self.command.or(&outer.command),
            stdin: self.stdin.or(&outer.stdin),
            env,
            workdir: self.workdir.or(&outer.workdir),
            user: self.user.or(&outer.user),
            timeout: self.timeout.or(&outer.timeout),
            requires: self.requires.or(&outer.requires),
            files,
            expect: self.expect.within(&outer.expect),
        }
    }

    /// The case that these settings make. `None` where something is missing or wrong: what is
    /// missing is told here, what is wrong was told when it was read.
    pub(crate) fn into_case(
        self,
        name: CaseName,
        place: Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Case> {
        let mut required = |missing: bool, kind: Kind| {
            if missing {
                problems.push(Problem::at(&place, kind));
            }
        };
        required(self.image == Field::Absent, Kind::MissingImage);
        required(self.command == Field::Absent, Kind::MissingCommand);
        let timeout = Stated { value: DEFAULT_TIMEOUT, place: place.clone() };
        Some(Case {
            image: self.image.given()?,
            command: self.command.given()?,
            stdin: self.stdin.given_or(Content::Text(String::new()))?,
            env: self.env,
            workdir: self.workdir.optional()?,
            user: self.user.optional()?,
            timeout: self.timeout.given_or(timeout)?,
            requires: self.requires.given_or(Vec::new())?,
            files: self.files.into_values().collect(),
            expect: self.expect.into_expect(&place)?,
            name,
            place,
        })
    }
}

impl ExpectSettings {
    fn within(&self, outer: &Self) -> Self {
        Self {
            place: self.place.clone().or_else(|| outer.place.clone()),
            status: self.status.or(&outer.status),
            stdout: self.stdout.or(&outer.stdout),
            stderr: self.stderr.or(&outer.stderr),
        }
    }

    fn into_expect(self, case: &Place) -> Option<Expect> {
        let place = self.place.unwrap_or_else(|| case.clone());
        let silence = Printed::Exactly(String::new());
        Some(Expect {
            status: self.status.given_or(stated(Status::ExitCode(0), &place))?,
            stdout: self.stdout.given_or(stated(silence, &place))?,
            stderr: self.stderr.given_or(stated(Printed::Anything, &place))?,
        })
    }
}

impl<T> Field<T> {
    fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    fn given_or(self, default: T) -> Option<T> {
        match self {
            Self::Absent => Some(default),
            other => other.given(),
        }
    }

    fn optional(self) -> Option<Option<T>> {
        match self {
            Self::Absent => Some(None),
            other => other.given().map(Some),
        }
    }
}

fn stated<T>(value: T, place: &Place) -> Stated<T> {
    Stated { value, place: place.clone() }
}
