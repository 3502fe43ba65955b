//! The table of `coracle image ls`: a line for each tag, and one for an image that has none.

use super::{ID_CHARACTERS, short, size};
use crate::admin::images::ImageSummary;

/// What a name column shows of an image without a tag.
const NO_TAG: &str = "<none>";

/// Lines of equal columns; a terminal gets colors.
pub(super) fn render(images: &[ImageSummary], colored: bool) -> String {
    let mut rows: Vec<(String, &ImageSummary)> =
        images.iter().flat_map(|image| names(image).into_iter().map(move |name| (name, image))).collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("IMAGE".len());
    let (bold, dim, plain) = if colored { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{bold}{:width$}   {:ID_CHARACTERS$}   SIZE{plain}\n", "IMAGE", "ID");
    for (name, image) in rows {
        let (id, size) = (short(&image.id), size(image.size_bytes));
        text += &format!("{name:width$}   {dim}{id:ID_CHARACTERS$}{plain}   {size}\n");
    }
    text
}

fn names(image: &ImageSummary) -> Vec<String> {
    let tags: Vec<String> = image.references.iter().filter(|name| !name.contains('@')).cloned().collect();
    let repository = |name: &String| name.split('@').next().map(|repository| format!("{repository}:{NO_TAG}"));
    match tags.is_empty() {
        true => image.references.first().and_then(repository).into_iter().collect(),
        false => tags,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(start: &str, names: &[&str]) -> ImageSummary {
        let references = names.iter().map(|name| (*name).to_owned()).collect();
        ImageSummary { id: format!("sha256:{start}{}", "0".repeat(60)), references, size_bytes: 71_234 }
    }

    #[test]
    fn a_table_is_plain_without_a_terminal() {
        let images = [
            image("abcd", &["example.com/web:v1", "example.com/web:v2", "example.com/web@sha256:1"]),
            image("1234", &["example.com/old@sha256:2"]),
        ];
        let expected = "\
IMAGE                    ID              SIZE
example.com/old:<none>   1234000000000   71.2kB
example.com/web:v1       abcd000000000   71.2kB
example.com/web:v2       abcd000000000   71.2kB
";
        assert_eq!(render(&images, false), expected);
        assert!(render(&images, true).starts_with("\x1b[1mIMAGE"));
    }
}
