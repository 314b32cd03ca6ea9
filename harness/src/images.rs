//! The images of a run: each is found, verified and unpacked once, before the first case starts.

use std::collections::HashMap;
use std::path::PathBuf;

use belljar_image::{Image, Reference, Store};

use crate::case::{Case, ImageSetting};
use crate::problem::Errors;

/// The images that some cases need.
#[derive(Debug, Default)]
pub struct Images {
    found: HashMap<(String, PathBuf), Result<Image, String>>,
}

impl Images {
    /// Gets the image of each case. One that cannot be had is an error of its cases only, so that
    /// the others can be judged.
    ///
    /// # Errors
    /// With every case whose image reference is no reference.
    pub fn prepare<'c>(
        store: &Store,
        cases: impl IntoIterator<Item = &'c Case>,
    ) -> Result<Self, Errors> {
        let mut images = Self::default();
        let mut problems = Vec::new();
        for case in cases {
            let setting = &case.image;
            let written = &setting.reference;
            let key = key(setting);
            if images.found.contains_key(&key) {
                continue;
            }
            match written.value.parse::<Reference>() {
                Err(error) => problems.push(written.place.problem(error.to_string(), None)),
                Ok(reference) => {
                    let image = store.image(&reference.resolve_from(&setting.directory));
                    images.found.insert(key, image.map_err(|error| error.to_string()));
                }
            }
        }
        Errors::check(problems)?;
        Ok(images)
    }

    /// The image of a case, or why it could not be had.
    ///
    /// # Errors
    /// What [`Store::image`] said, or that the image was not prepared.
    pub fn of(&self, case: &Case) -> Result<&Image, String> {
        match self.found.get(&key(&case.image)) {
            Some(Ok(image)) => Ok(image),
            Some(Err(message)) => Err(message.clone()),
            None => Err("its image was not prepared".to_owned()),
        }
    }
}

fn key(setting: &ImageSetting) -> (String, PathBuf) {
    (setting.reference.value.clone(), setting.directory.clone())
}
