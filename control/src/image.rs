//! `coracle image` and `coracle address`: through the running server if there is one, images else in the store itself.
#![expect(clippy::print_stdout, reason = "what the user asked to see")]

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result};
use runtime::ImageStore;

use crate::admin::{self, ImageSummary, Import};
use crate::args::{Address, Image, ImageCommand};

/// How much of a digest is shown, as docker and crictl do.
const ID_CHARACTERS: usize = 13;

/// Runs a command of `coracle image`.
///
/// # Errors
/// When the file is no WebAssembly, the name is no image name, or the store cannot be reached.
pub(crate) async fn run(image: Image) -> Result<()> {
    match image.command {
        ImageCommand::Import { file, reference } => import(&image.data_dir, &file, reference).await,
        ImageCommand::Ls => list(&image.data_dir).await,
    }
}

async fn import(data_dir: &Path, file: &Path, reference: String) -> Result<()> {
    let path = std::fs::canonicalize(file).with_context(|| format!("read `{}`", file.display()))?;
    let import = Import { path, reference };
    let images = match admin::ask_images(data_dir, Some(&import)).await? {
        Some(images) => images,
        None => vec![open(data_dir)?.import(&import.reference, &import.path)?.into()],
    };
    for image in images {
        println!("imported {} ({}, {})", import.reference, short(&image.id), size(image.size_bytes));
    }
    Ok(())
}

async fn list(data_dir: &Path) -> Result<()> {
    let images = match admin::ask_images(data_dir, None).await? {
        Some(images) => images,
        None => open(data_dir)?.list()?.into_iter().map(ImageSummary::from).collect(),
    };
    print!("{}", table(&images, std::io::stdout().is_terminal()));
    Ok(())
}

/// Runs `coracle address`.
///
/// # Errors
/// When no server runs there.
pub(crate) async fn address(asked: Address) -> Result<()> {
    let found = admin::ask_address(&asked.data_dir, asked.address).await?;
    println!("{}", found.with_context(|| format!("no server runs on `{}`", asked.data_dir.display()))?);
    Ok(())
}

fn open(data_dir: &Path) -> Result<ImageStore> {
    let store = ImageStore::open(&data_dir.join("images"));
    store.with_context(|| format!("open the images in `{}`", data_dir.display()))
}

fn table(images: &[ImageSummary], colored: bool) -> String {
    let (bold, plain) = if colored { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let names: Vec<String> = images.iter().map(|image| image.references.join(", ")).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).max("IMAGE".len());
    let mut text = format!("{bold}{:width$}   {:ID_CHARACTERS$}   SIZE{plain}\n", "IMAGE", "ID");
    for (image, name) in images.iter().zip(names) {
        text += &format!("{name:width$}   {:ID_CHARACTERS$}   {}\n", short(&image.id), size(image.size_bytes));
    }
    text
}

fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..ID_CHARACTERS).unwrap_or(hex)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes}B"),
        1_000..1_000_000 => format!("{:.1}kB", bytes as f64 / 1e3),
        _ => format!("{:.1}MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_plain_without_a_terminal() {
        let image = ImageSummary {
            id: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            references: vec!["example.com/web:v1".into()],
            size_bytes: 71_234,
        };
        let expected = "IMAGE                ID              SIZE\nexample.com/web:v1   0123456789abc   71.2kB\n";
        assert_eq!(table(&[image], false), expected);
    }
}
