//! The calls about images, one a file.

mod fs_info;
mod list;
mod pull;
mod remove;
mod status;

use std::sync::Arc;

pub(super) use fs_info::fs_info;
pub(super) use list::list;
pub(super) use pull::pull;
pub(super) use remove::remove;
pub(super) use status::status;

use crate::cri::error::Error;
use crate::cri::message::{Image, Int64Value};
use crate::cri::service::Service;

/// Who a program counts as: a kubelet takes an image without a user for root's, and `runAsNonRoot` then fails.
pub(super) const UID_NOBODY: i64 = 65532;

/// The image that a reference or an id leads to.
pub(super) async fn resolve(service: &Service, name: &str) -> Result<Option<runtime::Image>, Error> {
    let (runtime, wanted) = (Arc::clone(&service.runtime), name.to_owned());
    let found = tokio::task::spawn_blocking(move || runtime.images().resolve(&wanted)).await;
    found
        .expect("reading the store does not panic")
        .map_err(|source| Error::Images { operation: format!("find image `{name}`"), source })
}

fn row(image: runtime::Image) -> Image {
    let (repo_digests, repo_tags) = image.references.into_iter().partition(|it| it.contains('@'));
    let (uid, username) = user(&image.user);
    Image {
        id: image.id,
        repo_tags,
        repo_digests,
        size: image.size_bytes.max(1),
        uid: uid.map(|value| Int64Value { value }),
        username,
        pinned: image.pinned,
        ..Default::default()
    }
}

/// Who an image's `User` is, by number or by name; of `USER:GROUP` the user.
fn user(text: &str) -> (Option<i64>, String) {
    let user = text.split(':').next().unwrap_or_default();
    match user.parse() {
        _ if user.is_empty() => (Some(UID_NOBODY), String::new()),
        Ok(uid) => (Some(uid), String::new()),
        Err(_) => (None, user.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_user_is_not_roots() {
        for (text, uid, name) in
            [("", Some(UID_NOBODY), ""), ("1000", Some(1000), ""), ("0:0", Some(0), ""), ("web:staff", None, "web")]
        {
            assert_eq!(user(text), (uid, name.to_owned()), "{text}");
        }
    }
}
