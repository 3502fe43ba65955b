//! Images.

use std::collections::HashMap;

use super::PodSandboxConfig;

/// Which image is meant.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageSpec {
    /// A reference or an id.
    #[prost(string, tag = "1")]
    pub image: String,
    /// Kept and given back unaltered.
    #[prost(map = "string, string", tag = "2")]
    pub annotations: HashMap<String, String>,
    /// What the pod says.
    #[prost(string, tag = "18")]
    pub user_specified_image: String,
    /// The runtime class that it is for.
    #[prost(string, tag = "19")]
    pub runtime_handler: String,
}

/// A number that can be absent.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Int64Value {
    /// The number.
    #[prost(int64, tag = "1")]
    pub value: i64,
}

/// A number that can be absent.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct UInt64Value {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub value: u64,
}

/// An image on this machine.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Image {
    /// A digest.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Names with a tag.
    #[prost(string, repeated, tag = "2")]
    pub repo_tags: Vec<String>,
    /// Names with a digest.
    #[prost(string, repeated, tag = "3")]
    pub repo_digests: Vec<String>,
    /// Bytes; never 0.
    #[prost(uint64, tag = "4")]
    pub size: u64,
    /// Who its programs run as; the kubelet takes an image without one for root's.
    #[prost(message, optional, tag = "5")]
    pub uid: Option<Int64Value>,
    /// Not collected when space is short.
    #[prost(bool, tag = "8")]
    pub pinned: bool,
}

/// Which images to list.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageFilter {
    /// This one.
    #[prost(message, optional, tag = "1")]
    pub image: Option<ImageSpec>,
}

/// Asks for images.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListImagesRequest {
    /// Which ones.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<ImageFilter>,
}

/// Images.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListImagesResponse {
    /// Those that match.
    #[prost(message, repeated, tag = "1")]
    pub images: Vec<Image>,
}

/// Asks for an image.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageStatusRequest {
    /// Which one.
    #[prost(message, optional, tag = "1")]
    pub image: Option<ImageSpec>,
    /// Ask for `info` too.
    #[prost(bool, tag = "2")]
    pub verbose: bool,
}

/// An image, or that it is not here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageStatusResponse {
    /// `None` when it is not on this machine.
    #[prost(message, optional, tag = "1")]
    pub image: Option<Image>,
    /// More, for people.
    #[prost(map = "string, string", tag = "2")]
    pub info: HashMap<String, String>,
}

/// Who asks a registry.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct AuthConfig {
    /// User.
    #[prost(string, tag = "1")]
    pub username: String,
    /// Password.
    #[prost(string, tag = "2")]
    pub password: String,
    /// Both, in base64.
    #[prost(string, tag = "3")]
    pub auth: String,
    /// The registry.
    #[prost(string, tag = "4")]
    pub server_address: String,
    /// To be changed for a token.
    #[prost(string, tag = "5")]
    pub identity_token: String,
    /// A token.
    #[prost(string, tag = "6")]
    pub registry_token: String,
}

// Without its secrets: requests are logged.
impl std::fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig").field("server_address", &self.server_address).finish_non_exhaustive()
    }
}

/// Asks to fetch an image.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PullImageRequest {
    /// Which one.
    #[prost(message, optional, tag = "1")]
    pub image: Option<ImageSpec>,
    /// As whom.
    #[prost(message, optional, tag = "2")]
    pub auth: Option<AuthConfig>,
    /// For which pod.
    #[prost(message, optional, tag = "3")]
    pub sandbox_config: Option<PodSandboxConfig>,
}

/// What was fetched.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PullImageResponse {
    /// The image's id.
    #[prost(string, tag = "1")]
    pub image_ref: String,
}

/// Asks to forget an image and all its names.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoveImageRequest {
    /// Which one.
    #[prost(message, optional, tag = "1")]
    pub image: Option<ImageSpec>,
}

/// Nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoveImageResponse {}
