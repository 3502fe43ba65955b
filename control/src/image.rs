//! `coracle image` and `coracle address`: through the running server if there is one, images else in the store itself.
#![expect(clippy::print_stdout, reason = "what the user asked to see")]

mod progress;
mod table;

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use runtime::ImageStore;
use runtime::image::{Registries, Report};

use crate::admin;
use crate::admin::images::{self, ImageSummary, Import, PullOrder};
use crate::args::{Address, Image, ImageCommand, PullArguments};
use progress::Display;

/// How much of a digest is shown, as docker and crictl do.
const ID_CHARACTERS: usize = 13;
/// What is longer is no password.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;
const REGISTRIES: &str = "registries.yaml";

/// Runs a command of `coracle image`.
///
/// # Errors
/// When the file is no WebAssembly, the name is no image name, or the store or the registry does not do its part.
pub(crate) async fn run(image: Image) -> Result<()> {
    match image.command {
        ImageCommand::Import { file, reference } => import(&image.data_dir, &file, reference).await,
        ImageCommand::Pull(arguments) => pull(&image.data_dir, arguments).await,
        ImageCommand::Ls => list(&image.data_dir).await,
        ImageCommand::Rm { names } => remove(&image.data_dir, &names).await,
    }
}

async fn import(data_dir: &Path, file: &Path, reference: String) -> Result<()> {
    let path = std::fs::canonicalize(file).with_context(|| format!("read `{}`", file.display()))?;
    let import = Import { path, reference };
    let images = match images::ask_import(data_dir, &import).await? {
        Some(images) => images,
        None => vec![open(data_dir)?.import(&import.reference, &import.path)?.into()],
    };
    for image in images {
        println!("imported {} ({}, {})", import.reference, short(&image.id), size(image.size_bytes));
    }
    Ok(())
}

async fn pull(data_dir: &Path, arguments: PullArguments) -> Result<()> {
    let password = if arguments.password_stdin { read_password()? } else { String::new() };
    let username = arguments.username.unwrap_or_default();
    let order = PullOrder { reference: arguments.reference.clone(), username, password };
    let display = Arc::new(Display::new());
    let context = || format!("pull `{}`", arguments.reference);
    let image = match images::ask_pull(data_dir, &order, |it| display.show(&it)).await.with_context(context)? {
        Some(image) => image,
        None => {
            let store = Arc::new(open(data_dir)?);
            store.set_registries(registries(data_dir, arguments.registries.as_deref())?);
            let report = Report::to(move |it| display.show(&it));
            store.pull(order.into_pull(report)).await.with_context(context)?.into()
        }
    };
    println!("pulled {} ({}, {})", arguments.reference, short(&image.id), size(image.size_bytes));
    Ok(())
}

async fn list(data_dir: &Path) -> Result<()> {
    print!("{}", table::render(&all(data_dir).await?, std::io::stdout().is_terminal()));
    Ok(())
}

async fn all(data_dir: &Path) -> Result<Vec<ImageSummary>> {
    Ok(match images::ask_list(data_dir).await? {
        Some(images) => images,
        None => open(data_dir)?.list()?.into_iter().map(ImageSummary::from).collect(),
    })
}

async fn remove(data_dir: &Path, names: &[String]) -> Result<()> {
    for name in names {
        let id = full_id(name, &all(data_dir).await?)?;
        let removed = match images::ask_remove(data_dir, &id).await? {
            Some(images) => !images.is_empty(),
            None => open(data_dir)?.remove(&id)?,
        };
        if !removed {
            bail!("no such image: {name}");
        }
        println!("removed {name}");
    }
    Ok(())
}

/// The id that `name` is the beginning of, if it is that of one image; else the name as it is.
fn full_id(name: &str, images: &[ImageSummary]) -> Result<String> {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let is_hex = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let begins = |image: &&ImageSummary| is_hex && image.id.trim_start_matches("sha256:").starts_with(hex);
    let mut found = images.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.id.clone()),
        (Some(_), Some(_)) => bail!("several images have an id that begins so: {name}"),
        (None, _) => Ok(name.to_owned()),
    }
}

/// Where images are fetched from: what `file` says, or what lies in the data directory.
///
/// # Errors
/// When it cannot be read or means nothing.
pub(crate) fn registries(data_dir: &Path, file: Option<&Path>) -> Result<Registries> {
    Ok(match file {
        Some(file) => Registries::read(file)?,
        None => Registries::read_if_there(&data_dir.join(REGISTRIES))?,
    })
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

fn read_password() -> Result<String> {
    let mut password = String::new();
    std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut password).context("read the password")?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

fn open(data_dir: &Path) -> Result<ImageStore> {
    let store = ImageStore::open(&data_dir.join("images"));
    store.with_context(|| format!("open the images in `{}`", data_dir.display()))
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
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_enough_if_it_is_one_images() {
        let image = |start: &str| ImageSummary {
            id: format!("sha256:{start}{}", "0".repeat(60)),
            references: Vec::new(),
            size_bytes: 1,
        };
        let images = [image("ab12"), image("ab34")];
        assert_eq!(full_id("ab1", &images).unwrap(), images[0].id);
        assert_eq!(full_id("sha256:ab3", &images).unwrap(), images[1].id);
        assert_eq!(full_id("web", &images).unwrap(), "web");
        assert_eq!(full_id("cafe", &images).unwrap(), "cafe");
        assert!(full_id("ab", &images).is_err());
    }
}
