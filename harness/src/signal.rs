//! Signals by name, as Linux numbers them on the machines that belljar runs on.

use std::fmt;

use crate::nearest::nearest;

/// A signal that can end a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(i32);

/// The names of the signals from 1 on, in order.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

impl Signal {
    /// The signal of that number.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// The signal of that name, such as `SIGSEGV`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (1..).zip(NAMES).find(|(_, known)| *known == name).map(|(number, _)| Self(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// The name that somebody probably meant.
    pub(crate) fn nearest_name(name: &str) -> Option<&'static str> {
        let with_prefix = format!("SIG{name}").to_uppercase();
        NAMES.into_iter().find(|known| *known == with_prefix).or_else(|| nearest(name, &NAMES))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = usize::try_from(self.0).ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| NAMES.get(index)) {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for (name, number) in [("SIGHUP", 1), ("SIGKILL", 9), ("SIGSEGV", 11), ("SIGSYS", 31)] {
            assert_eq!(Signal::from_name(name), Some(Signal(number)));
            assert_eq!(Signal(number).to_string(), name);
        }
        assert_eq!(Signal::from_name("SEGV"), None);
        assert_eq!(Signal(0).to_string(), "signal 0");
        assert_eq!(Signal(-3).to_string(), "signal -3");
        assert_eq!(Signal(40).to_string(), "signal 40");
    }

    #[test]
    fn a_bare_or_mistyped_name_leads_to_the_right_one() {
        assert_eq!(Signal::nearest_name("segv"), Some("SIGSEGV"));
        assert_eq!(Signal::nearest_name("SIGSEV"), Some("SIGSEGV"));
        assert_eq!(Signal::nearest_name("nonsense"), None);
    }
}
