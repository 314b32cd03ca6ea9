//! `belljar import`: gives an image a name in the store.

use std::process::ExitCode;

use belljar_image::{Result, Store};

use crate::arguments::Import;
use crate::exit_code;

pub(crate) fn main(options: &Import) -> ExitCode {
    match import(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("belljar: {error}");
            exit_code::ERROR.into()
        }
    }
}

fn import(options: &Import) -> Result<()> {
    let store = Store::open(&Store::default_home()?)?;
    let digest = store.import(&options.source, &options.name)?;
    println!("{} {digest}", options.name);
    Ok(())
}
