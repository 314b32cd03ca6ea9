//! The images of a run: each is found, verified and unpacked once, before the first case starts.

use std::collections::HashMap;

use belljar_image::{Identity, Image, Reference, Store};

use crate::case::Case;
use crate::plan;
use crate::source::Place;

/// The images that some cases need.
#[derive(Debug, Default)]
pub struct Images {
    found: HashMap<Reference, Result<Image, String>>,
    identities: HashMap<(Reference, Option<String>), Result<Identity, String>>,
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
    pub fn prepare<'c>(store: &Store, cases: impl IntoIterator<Item = &'c Case>) -> Self {
        let mut images = Self::default();
        for case in cases {
            let reference = &case.image.reference;
            if !images.found.contains_key(reference) {
                let image = store.image(reference).map_err(|error| error.to_string());
                images.found.insert(reference.clone(), image);
            }
            images.identify(case);
        }
        images
    }

    /// Looks the user of a case up, once for all cases that name the same.
    fn identify(&mut self, case: &Case) {
        let Some(Ok(image)) = self.found.get(&case.image.reference) else { return };
        self.identities.entry(identity_key(case)).or_insert_with(|| {
            let user = case.user.as_ref().map(|user| user.value.as_str());
            plan::identity(image, user).map_err(|error| error.to_string())
        });
    }

    /// What a case runs in, or why that could not be had.
    ///
    /// # Errors
    /// What the image crate said and which line of the case it is about.
    pub fn of(&self, case: &Case) -> Result<Tenancy<'_>, CaseError> {
        let at_image =
            |message: String| CaseError { message, place: Some(case.image.place.clone()) };
        let image = self.found.get(&case.image.reference);
        let image = image.ok_or_else(|| at_image("its image was not prepared".to_owned()))?;
        let image = image.as_ref().map_err(|message| at_image(message.clone()))?;
        let at_user = |message: String| CaseError {
            message,
            place: case.user.as_ref().map(|user| user.place.clone()),
        };
        let identity = self.identities.get(&identity_key(case));
        let identity = identity.ok_or_else(|| at_user("its user is not known".to_owned()))?;
        let identity = identity.as_ref().map_err(|message| at_user(message.clone()))?;
        Ok(Tenancy { image, identity })
    }
}

/// Why a case could not be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseError {
    /// What failed, and behind a line break what to do about it.
    pub message: String,
    /// Where that is written, if the case has a line for it.
    pub place: Option<Place>,
}

fn identity_key(case: &Case) -> (Reference, Option<String>) {
    (case.image.reference.clone(), case.user.as_ref().map(|user| user.value.clone()))
}
