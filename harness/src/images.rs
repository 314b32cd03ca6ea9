//! The images of a run: each is found, verified and unpacked once, before the first case starts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

use belljar_image::{Identity, Image, Reference, Store};

use crate::case::{Case, ImageSetting};
use crate::plan;
use crate::problem::Errors;

/// The images that some cases need.
#[derive(Debug, Default)]
pub struct Images {
    found: HashMap<(String, PathBuf), Result<Image, String>>,
    identities: HashMap<(String, PathBuf, Option<String>), Result<Identity, String>>,
}

/// What a case runs in, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Tenancy<'i> {
    /// The image.
    pub image: &'i Image,
    /// The user of the case, as the image knows it.
    pub identity: &'i Identity,
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
            if let Entry::Vacant(place) = images.found.entry(key(setting)) {
                match written.value.parse::<Reference>() {
                    Err(error) => problems.push(written.place.problem(error.to_string(), None)),
                    Ok(reference) => {
                        let image = store.image(&reference.resolve_from(&setting.directory));
                        place.insert(image.map_err(|error| error.to_string()));
                    }
                }
            }
            images.identify(case);
        }
        Errors::check(problems)?;
        Ok(images)
    }

    /// Looks the user of a case up, once for all cases that name the same.
    fn identify(&mut self, case: &Case) {
        let Some(Ok(image)) = self.found.get(&key(&case.image)) else { return };
        self.identities.entry(identity_key(case)).or_insert_with(|| {
            let user = case.user.as_ref().map(|user| user.value.as_str());
            plan::identity(image, user).map_err(|error| error.to_string())
        });
    }

    /// What a case runs in, or why that could not be had.
    ///
    /// # Errors
    /// What the image crate said, or that the image was not prepared.
    pub fn of(&self, case: &Case) -> Result<Tenancy<'_>, String> {
        let image = self.found.get(&key(&case.image)).ok_or("its image was not prepared")?;
        let image = image.as_ref().map_err(Clone::clone)?;
        let identity = self.identities.get(&identity_key(case)).ok_or("its user is not known")?;
        Ok(Tenancy { image, identity: identity.as_ref().map_err(Clone::clone)? })
    }
}

fn key(setting: &ImageSetting) -> (String, PathBuf) {
    (setting.reference.value.clone(), setting.directory.clone())
}

fn identity_key(case: &Case) -> (String, PathBuf, Option<String>) {
    let (reference, directory) = key(&case.image);
    (reference, directory, case.user.as_ref().map(|user| user.value.clone()))
}
