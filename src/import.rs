//! `belljar import`: gives an image a name in the store.

use std::process::ExitCode;

use belljar_image::Store;

use crate::arguments::Import;
use crate::{exit_code, print};

pub(crate) fn main(options: &Import) -> ExitCode {
    match import(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::error(&error, exit_code::ERROR),
    }
}

fn import(options: &Import) -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(&Store::default_home()?)?;
    let digest = store.import(&options.source, &options.name)?;
    Ok(print::lines([format!("{} {digest}", options.name)])?)
}
