//! Prints the layers of an image, the topmost first: `layers REFERENCE`.

use std::error::Error;

use belljar_image::{Reference, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("say which image")?;
    let reference: Reference = text.parse()?;
    let store = Store::open(&Store::default_home()?)?;
    let image = store.image(&reference)?;
    for tree in &image.rootfs.trees {
        for layer in &tree.layers {
            println!("{} {}", tree.at.display(), layer.display());
        }
    }
    Ok(())
}
