//! From case files to verdicts: finds and reads the cases of a suite, judges what happened when one
//! was run, and shows the result in the form of `cargo test`.
//!
//! Three kinds of value never share a type: a *fact* ([`belljar_sandbox::Outcome`]), a *judgement*
//! ([`Verdict`]) and what people read ([`Report`], [`failure`]).
//!
//! What this crate does not do: know how an image is unpacked or a sandbox is made, or write case
//! files.

mod case;
mod difference;
mod duration;
mod escape;
mod excerpt;
pub mod failure;
mod fields;
mod images;
mod inputs;
mod judge;
pub mod libtest;
mod name;
mod nearest;
mod parse;
pub mod plan;
mod problem;
mod read_case;
mod read_expect;
mod report;
mod requires;
mod root;
mod run;
mod settings;
mod signal;
mod source;
mod suite;
mod walk;

pub use case::{
    Case, CommandLine, Content, Expect, ImageSetting, InputFile, Printed, Stated, Status,
};
pub use images::{CaseError, Images, Tenancy};
pub use judge::{Ended, Mismatch, Verdict, judge};
pub use name::CaseName;
pub use problem::{Errors, Problem};

pub use report::{Report, Summary};
pub use requires::missing_program;
pub use run::{CaseRun, RunOptions, run_case, run_suite, skip_reason};
pub use signal::Signal;
pub use source::{Location, Place};
pub use suite::{Selection, Suite};
